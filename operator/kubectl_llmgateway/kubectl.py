"""The user's own kubectl, with the user's own kubeconfig.

PluginError          what the user is told; exit status 1
└── KubectlFailed    kubectl said no; the message is what it said
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

Document = dict[str, Any]
GROUP: Final = "llmgateway.dev"
GATEWAY: Final = f"llmgateway.{GROUP}"
CREDENTIAL: Final = f"llmcredential.{GROUP}"


class PluginError(Exception):
    """The message is one sentence for the user."""


class KubectlFailed(PluginError):
    """`kubectl` exited with an error, or is not there."""


@dataclass(frozen=True)
class Kubectl:
    """One cluster and namespace. `flags` go to every call, such as `--context=x`."""

    flags: tuple[str, ...] = ()
    program: str = "kubectl"

    def run(self, *arguments: str) -> str:
        """Standard output. Raises KubectlFailed."""
        try:
            done = subprocess.run(self.command(*arguments), capture_output=True, text=True, check=False)  # noqa: S603  # a list, no shell
        except OSError as error:
            raise KubectlFailed(f"{self.program}: {error.strerror}") from None
        if done.returncode:
            raise KubectlFailed(done.stderr.strip() or f"kubectl exited with {done.returncode}")
        return done.stdout

    def command(self, *arguments: str) -> list[str]:
        return [self.program, *self.flags, *arguments]

    def get(self, kind: str, name: str) -> Document:
        """Raises KubectlFailed, also when there is no such object."""
        return self._document("get", kind, name)

    def all_of(self, kind: str) -> list[Document]:
        """All of the namespace, by name."""
        items: list[Document] = self._document("get", kind)["items"]
        return items

    def find(self, kind: str, names: Sequence[str]) -> dict[str, Document]:
        """Those of the names that exist."""
        if not names:
            return {}
        answer = self.run("get", kind, *names, "--ignore-not-found", "-o", "json")
        found = json.loads(answer) if answer.strip() else {"items": []}
        return {each["metadata"]["name"]: each for each in found.get("items", [found])}

    def names(self, kind: str) -> list[str]:
        return self.run("get", kind, "-o", "jsonpath={.items[*].metadata.name}").split()

    def annotate(self, kind: str, name: str, annotation: str, value: str) -> None:
        self.run("annotate", kind, name, f"{annotation}={value}", "--overwrite")

    def _document(self, *arguments: str) -> Document:
        document: Document = json.loads(self.run(*arguments, "-o", "json"))
        return document
