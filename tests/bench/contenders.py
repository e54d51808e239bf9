"""Who is measured: the gateway, and what it is compared with. All speak HTTP on a port of the loopback interface."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from bench.go_programs import MissingToolError
from bench.requests import PATHS, Client, Upstream

KEY = "sk-bench-0123456789abcdef"
MAX_STREAMS = 20_000
PYTHON = os.environ.get("BENCH_PYTHON", sys.executable)
"""The interpreter of the gateway and of the plain proxy; another one must have their packages."""
FILES_PER_STREAM = 2


@dataclass(frozen=True)
class Route:
    """How a contender is asked for one pair of dialects."""

    path: str
    model: str
    headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Launch:
    """How a contender is started."""

    command: list[str | Path]
    environment: Mapping[str, str] = field(default_factory=dict)
    chosen_port: Path | None = None
    """Where a program that listens on a port of its own choice writes which."""


class Contender(Protocol):
    """One program between client and model server."""

    name: str

    def launch(self, folder: Path, port: int, upstream: int) -> Launch:
        """Writes its configuration into `folder`. Raises MissingToolError."""
        ...

    def route(self, client: Client, upstream: Upstream) -> Route | None:
        """None: it does not translate this pair."""
        ...


class Gateway:
    """The gateway as users start it: client keys, metrics, usage, request log to a file, disconnect watch."""

    name = "llmgateway"

    def launch(self, folder: Path, port: int, upstream: int) -> Launch:
        file = folder / "gateway.yaml"
        file.write_text(GATEWAY.format(port=upstream, key=KEY, streams=MAX_STREAMS))
        return Launch([PYTHON, "-m", "llmgateway", "serve", "-f", file, "--port", str(port)])

    def route(self, client: Client, upstream: Upstream) -> Route | None:
        return Route(PATHS[client], f"bench-{upstream}", (f"Authorization: Bearer {KEY}",))


class PlainProxy:
    """What the guard compares with: the same server and client libraries, and no features (`plain_proxy.py`)."""

    name = "plain ASGI proxy"

    def launch(self, folder: Path, port: int, upstream: int) -> Launch:
        program = Path(__file__).with_name("plain_proxy.py")
        return Launch([PYTHON, program, str(port), f"http://127.0.0.1:{upstream}"])

    def route(self, client: Client, upstream: Upstream) -> Route | None:
        return Route(PATHS[client], "bench") if client == upstream else None


class Nginx:
    """The limit: bytes in, bytes out, in C."""

    name = "nginx"

    def launch(self, folder: Path, port: int, upstream: int) -> Launch:
        program = _installed_nginx()
        file = folder / "nginx.conf"
        file.write_text(NGINX.format(port=port, upstream=upstream, folder=folder, files=FILES_PER_STREAM * MAX_STREAMS))
        return Launch([program, "-c", file, "-p", folder, "-e", folder / "error.log"])

    def route(self, client: Client, upstream: Upstream) -> Route | None:
        return Route(PATHS[client], "bench") if client == upstream else None


class Direct:
    """Nobody in between: what latencies are compared with. It is never started."""

    name = "direct"

    def launch(self, folder: Path, port: int, upstream: int) -> Launch:
        raise NotImplementedError("the model server already runs")

    def route(self, client: Client, upstream: Upstream) -> Route | None:
        return Route(PATHS[client], "bench") if client == upstream else None


def _installed_nginx() -> str:
    if shutil.which("nginx") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["update"], ["install", "-y", "--no-install-recommends", "nginx-light"]):
            subprocess.run(["apt-get", "-qq", *command], env=environment, stdout=subprocess.DEVNULL, check=False)
    found = shutil.which("nginx")
    if found is None:
        raise MissingToolError("nginx is measured as the limit: install the package nginx-light, or run as root")
    return found


GATEWAY = """\
apiVersion: v1
kind: Secret
metadata: {{name: client-keys}}
stringData: {{bench: {key}}}
---
apiVersion: v1
kind: Secret
metadata: {{name: upstream-key}}
stringData: {{key: sk-upstream}}
---
apiVersion: llmgateway.dev/v1alpha1
kind: LLMGateway
metadata: {{name: bench}}
spec:
  backends:
    - name: chat
      type: OpenAI
      endpoint: {{url: "http://127.0.0.1:{port}/v1"}}
      credentialRef: {{kind: Secret, name: upstream-key, key: key}}
      limits: {{maxConnections: {streams}}}
    - name: messages
      type: Anthropic
      endpoint: {{url: "http://127.0.0.1:{port}"}}
      credentialRef: {{kind: Secret, name: upstream-key, key: key}}
      limits: {{maxConnections: {streams}}}
  models:
    - name: bench-chat
      backendRefs: [{{name: chat, model: bench}}]
    - name: bench-messages
      backendRefs: [{{name: messages, model: bench}}]
  auth:
    apiKeys: {{secretRef: {{name: client-keys}}}}
"""

NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
worker_rlimit_nofile {files};
events {{ worker_connections {files}; }}
http {{
  access_log {folder}/access.log;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  client_max_body_size 64m; client_body_buffer_size 2m; keepalive_requests 1000000;
  upstream model {{ server 127.0.0.1:{upstream}; keepalive 512; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://model;
      proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; proxy_read_timeout 600s;
    }}
  }}
}}
"""
