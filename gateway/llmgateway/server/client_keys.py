"""Which client a key belongs to. Keys are never formatted, and looked up by their SHA-256 digest, so that the time a
comparison takes tells nothing about a key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from llmgateway.failures import Failure, TurnRefused

OPEN = "anonymous"
"""The client's name where the spec asks for no key."""


class ClientKeys:
    """Client names by key; made anew when the Secret changes."""

    def __init__(self, keys: Mapping[str, str] | None) -> None:
        """`keys`: client name -> key. None: open to all. An empty mapping admits nobody."""
        self._open = keys is None
        self._names = {_digest(key): name for name, key in (keys or {}).items() if key}

    def __repr__(self) -> str:
        return f"ClientKeys({sorted(self._names.values())})"

    def knows(self, key: str) -> bool:
        """Whether this is somebody's key."""
        return _digest(key) in self._names

    def client_of(self, headers: Mapping[bytes, bytes]) -> str:
        """The client's name. `x-api-key` counts before `Authorization: Bearer`, as at Anthropic.

        Raises TurnRefused (authentication) for a missing or an unknown key."""
        if self._open:
            return OPEN
        given = given_key(headers)
        if given is None:
            raise _refusal("No API key was given: send `Authorization: Bearer KEY` or `x-api-key: KEY`.")
        name = self._names.get(_digest(given))
        if name is None:
            raise _refusal("The API key is not known here: check the key, or ask the gateway's administrator for one.")
        return name


def given_key(headers: Mapping[bytes, bytes]) -> str | None:
    """The key that a client sent, or None."""
    key = headers.get(b"x-api-key")
    if key:
        return key.decode("latin-1").strip()
    scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _refusal(message: str) -> TurnRefused:
    return TurnRefused(Failure(kind="authentication", message=message, code="invalid_api_key", should_retry=False))
