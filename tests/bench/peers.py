"""Other gateways, each of the version that is named here, installed from its package registry into the cache."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from bench.contenders import KEY, Launch, Route
from bench.go_programs import MissingToolError
from bench.requests import PATHS, Client, Upstream
from support.cache_folder import cache_folder

LITELLM = "1.106.2"
TENSORZERO = "2026.6.0"
PORTKEY = "1.15.2"
CLAUDE_CODE_ROUTER = "2.0.0"


class LiteLLM:
    """The Python gateway that most people know (PyPI: litellm)."""

    name = f"LiteLLM {LITELLM}"

    def launch(self, folder: Path, port: int, upstream: int) -> Launch:
        at = _installed(
            f"litellm-{LITELLM}",
            [[sys.executable, "-m", "venv", "."], ["bin/pip", "install", "--quiet", f"litellm[proxy]=={LITELLM}"]],
        )
        file = folder / "litellm.json"  # JSON is YAML
        models = [
            _litellm_model("bench-chat", "openai/bench", f"http://127.0.0.1:{upstream}/v1"),
            _litellm_model("bench-vllm", "hosted_vllm/bench", f"http://127.0.0.1:{upstream}/v1"),
            _litellm_model("bench-messages", "anthropic/bench", f"http://127.0.0.1:{upstream}"),
        ]
        settings = {"master_key": KEY}
        router = {"disable_cooldowns": True}
        file.write_text(json.dumps({"model_list": models, "general_settings": settings, "router_settings": router}))
        environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False", "HOME": str(folder)}
        options: list[str | Path] = [
            "--config",
            file,
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--telemetry",
            "False",
        ]
        return Launch([at / "bin" / "litellm", *options], environment)

    def route(self, client: Client, upstream: Upstream) -> Route | None:
        """As `openai` it asks for the Responses API where it translates from Messages; as `hosted_vllm` for chat."""
        if client == "responses":
            return None  # it sends these on as they are
        model = "bench-vllm" if (client, upstream) == ("messages", "chat") else f"bench-{upstream}"
        return Route(PATHS[client], model, (f"Authorization: Bearer {KEY}",))


class Portkey:
    """Portkey's gateway (npm: @portkey-ai/gateway); it translates to other upstreams from chat only."""

    name = f"Portkey {PORTKEY}"

    def launch(self, folder: Path, port: int, upstream: int) -> Launch:
        at = _npm("@portkey-ai/gateway", PORTKEY, **{"@hono/node-server": "1.13.8"})  # newer ones break its streams
        self._host = f"http://127.0.0.1:{upstream}/v1"
        program = at / "node_modules/@portkey-ai/gateway/build/start-server.js"
        return Launch(["node", program, f"--port={port}", "--headless"], {"NODE_ENV": "production"})

    def route(self, client: Client, upstream: Upstream) -> Route | None:
        if client != "chat":
            return None
        provider = "openai" if upstream == "chat" else "anthropic"
        headers = (f"x-portkey-provider: {provider}", f"x-portkey-custom-host: {self._host}")
        return Route(PATHS[client], "bench", (*headers, f"Authorization: Bearer {KEY}"))


class ClaudeCodeRouter:
    """Claude Code on other models (npm: @musistudio/claude-code-router): Messages clients, chat upstreams."""

    name = f"claude-code-router {CLAUDE_CODE_ROUTER}"

    def launch(self, folder: Path, port: int, upstream: int) -> Launch:
        at = _npm("@musistudio/claude-code-router", CLAUDE_CODE_ROUTER)
        home = folder / ".claude-code-router"
        home.mkdir(exist_ok=True)
        provider = {
            "name": "bench",
            "api_base_url": f"http://127.0.0.1:{upstream}/v1/chat/completions",
            "api_key": "sk-upstream",
            "models": ["bench"],
        }
        settings = {
            "PORT": port,
            "APIKEY": KEY,
            "NON_INTERACTIVE_MODE": True,
            "LOG": False,
            "Providers": [provider],
            "Router": {"default": "bench,bench"},
        }
        (home / "config.json").write_text(json.dumps(settings))
        program = at / "node_modules/@musistudio/claude-code-router/dist/cli.js"
        return Launch(["node", program, "start"], {"HOME": str(folder), "SERVICE_PORT": str(port)})

    def route(self, client: Client, upstream: Upstream) -> Route | None:
        if (client, upstream) != ("messages", "chat"):
            return None
        return Route(PATHS[client], "bench", (f"x-api-key: {KEY}",))


class TensorZero:
    """A Rust gateway (PyPI: tensorzero), as far as its package serves HTTP: chat clients, chat upstreams, no keys, no
    database."""

    name = f"TensorZero {TENSORZERO}"

    def launch(self, folder: Path, port: int, upstream: int) -> Launch:
        steps = [[sys.executable, "-m", "venv", "."], ["bin/pip", "install", "--quiet", f"tensorzero=={TENSORZERO}"]]
        at = _installed(f"tensorzero-{TENSORZERO}", steps)
        file, chosen = folder / "tensorzero.toml", folder / "port"
        file.write_text(TENSORZERO_CONFIGURATION.format(port=upstream))
        program = Path(__file__).with_name("tensorzero_gateway.py")
        return Launch([at / "bin" / "python", program, file, chosen], chosen_port=chosen)

    def route(self, client: Client, upstream: Upstream) -> Route | None:
        if (client, upstream) != ("chat", "chat"):
            return None
        return Route("/openai" + PATHS[client], "tensorzero::model_name::bench")


TENSORZERO_CONFIGURATION = """\
[gateway]
observability.enabled = false

[models.bench]
routing = ["upstream"]

[models.bench.providers.upstream]
type = "openai"
model_name = "bench"
api_base = "http://127.0.0.1:{port}/v1/"
api_key_location = "none"
"""


def _litellm_model(name: str, model: str, base: str) -> dict[str, object]:
    return {"model_name": name, "litellm_params": {"model": model, "api_base": base, "api_key": "sk-upstream"}}


def _npm(package: str, version: str, **overrides: str) -> Path:
    """`overrides`: versions of indirect dependencies, where the newest no longer work."""
    if shutil.which("npm") is None:
        raise MissingToolError(f"{package} is measured as a peer: install Node.js 20 or newer with npm")
    name = f"{package.rpartition('/')[2]}-{version}"
    manifest = {"name": "bench", "version": "1.0.0", "dependencies": {package: version}, "overrides": overrides}
    (cache_folder("bench", name) / "package.json").write_text(json.dumps(manifest))
    return _installed(name, [["npm", "install", "--no-audit", "--no-fund", "--silent"]])


def _installed(name: str, steps: list[list[str]]) -> Path:
    """The folder in which all steps have succeeded. Raises MissingToolError with the end of what failed."""
    folder = cache_folder("bench", name)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / ".installed").exists():
            for step in steps:
                done = subprocess.run(step, cwd=folder, env={**os.environ}, capture_output=True, text=True, check=False)
                if done.returncode:
                    raise MissingToolError(f"{name} could not be installed: {done.stderr[-500:]}")
            (folder / ".installed").touch()
    return folder
