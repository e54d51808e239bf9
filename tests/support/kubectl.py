"""kubectl with one kubeconfig, from Python: documents in, documents out."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from support.kubernetes_binaries import binary

Document = Mapping[str, Any]
Found = TypeVar("Found")


class KubectlError(RuntimeError):
    """kubectl said no; the message is what it said."""


class Kubectl:
    """Raises KubectlError wherever kubectl fails. `namespace` is the one used when a call names none."""

    def __init__(self, kubeconfig: Path, namespace: str = "default") -> None:
        self.kubeconfig = kubeconfig
        self.namespace = namespace

    def run(self, *arguments: str, stdin: str = "", timeout: float = 120) -> str:
        """What `kubectl <arguments>` prints, as the kubeconfig's user."""
        cache = self.kubeconfig.parent / "discovery"  # not the home folder's: ports come back
        command = [str(binary("kubectl")), f"--cache-dir={cache}", *arguments]
        done = subprocess.run(
            command,
            input=stdin,
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig)},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if done.returncode:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def apply(self, what: Path | Document | Iterable[Document]) -> None:
        """Server-side apply of a file, a folder, a document or several."""
        stdin = "" if isinstance(what, Path) else _as_yaml(what)
        source = str(what) if isinstance(what, Path) else "-"
        self.run("apply", "--server-side", *self._namespaced(None), "-f", source, stdin=stdin)

    def get(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.run("get", kind, name, *self._namespaced(namespace), "-o", "json"))
        return document

    def find(self, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """As `get`, but None when there is no such object."""
        answer = self.run("get", kind, name, *self._namespaced(namespace), "-o", "json", "--ignore-not-found")
        return json.loads(answer) if answer else None

    def items(self, kind: str, namespace: str | None = None, selector: str = "") -> list[dict[str, Any]]:
        answer = self.run("get", kind, *self._namespaced(namespace), "-l", selector, "-o", "json")
        documents: list[dict[str, Any]] = json.loads(answer)["items"]
        return documents

    def delete(self, kind: str, name: str, namespace: str | None = None, *options: str) -> None:
        self.run("delete", kind, name, *self._namespaced(namespace), *options)

    def _namespaced(self, namespace: str | None) -> tuple[str, str]:
        return "-n", namespace or self.namespace


def wait_until(ask: Callable[[], Found | None], timeout: float, what: str) -> Found:
    """The first true answer of `ask`. Raises TimeoutError naming `what` was waited for (seconds)."""
    deadline = time.monotonic() + timeout
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout:.0f} s")
        time.sleep(0.1)
    return answer


def _as_yaml(what: Document | Iterable[Document]) -> str:
    documents = [what] if isinstance(what, Mapping) else list(what)
    return yaml.safe_dump_all(documents)
