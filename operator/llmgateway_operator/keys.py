"""What the work queue holds: names of objects, never their content."""

from __future__ import annotations

from typing import NamedTuple


class Key(NamedTuple):
    """One object to reconcile; `kind` is `LLMGateway` or `LLMCredential`."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"
