"""Tool names and call ids as the upstream takes them, deterministically, so that prefix caches stay warm.

OpenAI refuses tool names beyond `[a-zA-Z0-9_-]{1,64}` and call ids beyond 40 characters; Anthropic names beyond
`[a-zA-Z0-9_-]{1,128}` and ids beyond `[a-zA-Z0-9_-]+`, and ids that come twice. Other servers take anything.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Literal

from llmgateway.events import ToolIdentity

_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")
FLATTENED_LIMIT = 64


class ToolNames:
    """The client's tools <-> the names that go upstream."""

    def __init__(self, limit: int | None) -> None:
        """`limit`: longest legal name; None for upstreams that take any plain name as it is."""
        self._limit = limit
        self._names: dict[tuple[str | None, str], str] = {}
        self._owners: dict[str, tuple[str | None, str]] = {}
        self.identities: dict[str, ToolIdentity] = {}

    def of(self, name: str, namespace: str | None = None, kind: Literal["function", "custom"] | None = None) -> str:
        """The upstream's name, the same for the same tool and for no other. `kind` where the tool is declared."""
        key = (namespace, name)
        known = self._names.get(key)
        if known is None:
            known = self._names[key] = self._legal(name, namespace)
            self._owners[known] = key
        if known != name or kind == "custom":
            before = self.identities.get(known)
            self.identities[known] = ToolIdentity(name, namespace, kind or (before.kind if before else "function"))
        return known

    def declared(self, name: str, namespace: str | None = None) -> bool:
        """True when the tool was named before."""
        return (namespace, name) in self._names

    def _legal(self, name: str, namespace: str | None) -> str:
        limit = self._limit if namespace is None else FLATTENED_LIMIT
        plain = name if namespace is None else f"{namespace}__{name}"
        if limit is None:
            return plain if plain not in self._owners else self._hashed(plain, name, namespace, FLATTENED_LIMIT)
        clean = _ILLEGAL.sub("_", plain)
        if clean == plain and 0 < len(plain) <= limit and plain not in self._owners:
            return plain
        return self._hashed(clean, name, namespace, limit)

    def _hashed(self, clean: str, name: str, namespace: str | None, limit: int) -> str:
        for attempt in range(1000):
            seed = f"{namespace}\0{name}\0{attempt}" if attempt else f"{namespace}\0{name}"
            digest = sha256(seed.encode("utf-8", "surrogatepass")).hexdigest()[:8]
            found = f"{clean[: limit - 9]}_{digest}"
            if found not in self._owners:
                return found
        raise AssertionError("a thousand equal digests")


class CallIds:
    """Call ids of a history as the upstream takes them. Only calls and results of one request must agree."""

    def __init__(self, *, limit: int | None = None, plain: bool = False, unique: bool = False) -> None:
        """`plain`: letters, digits, `_` and `-` only; `unique`: no id twice in one conversation."""
        self._limit = limit
        self._plain = plain
        self._unique = unique
        self._seen: dict[str, int] = {}

    def new(self, client_id: str) -> str:
        """The upstream's id of one more call."""
        times = self._seen.get(client_id, 0)
        self._seen[client_id] = times + 1
        fits = (
            bool(client_id)
            and (self._limit is None or len(client_id) <= self._limit)
            and not (self._plain and _ILLEGAL.search(client_id))
            and not (times and (self._unique or not client_id))
        )
        if fits:
            return client_id
        return "call_" + sha256(f"{client_id}\0{times}".encode("utf-8", "surrogatepass")).hexdigest()[:24]
