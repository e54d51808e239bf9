"""The one seam between the gateway and whatever answers it: send a request, get a status, read bytes, close.

UpstreamError           nothing usable came back
  ConnectFailed         no connection was made: nothing was sent, trying again or elsewhere is safe
  UpstreamTimedOut      the upstream took longer than the spec allows
  UpstreamBroke         the connection ended early
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct


class UpstreamError(Exception):
    """Base of everything that can happen below HTTP; the message names the backend, never a credential."""


class ConnectFailed(UpstreamError):
    """No connection: nothing was sent."""


class UpstreamTimedOut(UpstreamError):
    """Connected, but no bytes within the read or write limit."""


class UpstreamBroke(UpstreamError):
    """The connection ended before the answer did."""


class NeverAnswered(UpstreamBroke):
    """The connection ended before any byte of an answer: worth one more try on a fresh one."""


class UpstreamRequest(Struct, frozen=True):
    """One request to a backend; `path` is relative to the backend's base URL and begins with a slash."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    from_root: bool = False
    """The path is relative to the server's root: vLLM and llama.cpp serve `/tokenize` beside `/v1`, not below it."""


class UpstreamAnswer(Protocol):
    """An answer whose status and headers are known; header names are in lower case."""

    status: int
    headers: Mapping[str, str]

    async def read_some(self) -> bytes:
        """All bytes that have arrived, waiting for at least one; b"" at the end. Raises UpstreamError."""
        ...

    async def read_all(self) -> bytes:
        """The rest of the body. Raises UpstreamError."""
        ...

    def close(self) -> None:
        """Ends the exchange at once: an unread rest closes the connection, so that the upstream stops working."""
        ...


class Transport(Protocol):
    """The pooled client of one backend."""

    async def send(self, request: UpstreamRequest) -> UpstreamAnswer:
        """Sends and waits for the status. Raises UpstreamError."""
        ...

    async def get(self, request: UpstreamRequest) -> UpstreamAnswer:
        """The same as GET (model lists, probes); the request's body is not sent. Raises UpstreamError."""
        ...

    async def close(self) -> None:
        """Closes every connection, also those of running answers."""
        ...
