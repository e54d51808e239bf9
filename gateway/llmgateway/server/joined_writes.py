"""An answer's head leaves together with its first bytes: one system call and one packet instead of two.

uvicorn writes the head as soon as the application gives it, and uvloop makes a system call of each write. The client
can do nothing with a head alone, and two wake-ups cost it more than one.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD = b"HTTP/1.1 "


class JoinedWrites(HttpToolsProtocol):
    """uvicorn's protocol on a transport that holds heads back."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(cast(asyncio.Transport, _HeldHead(transport, self.loop)))


class _HeldHead:
    """A transport whose write of a head waits for the next write, or for the end of this turn of the event loop. The
    order of the bytes is the same whatever they are: what only looks like a head is sent a moment later."""

    __slots__ = ("_held", "_loop", "_transport", "_write", "is_closing")

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""
        self._write, self.is_closing = transport.write, transport.is_closing  # asked for with every request

    def __getattr__(self, name: str) -> Any:
        """All that is not here is the transport's own."""
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        """As the transport's."""
        if self._held:
            data, self._held = self._held + data, b""
        elif data.startswith(HEAD):
            self._held = data
            self._loop.call_soon(self._send_held)
            return
        self._write(data)

    def close(self) -> None:
        """As the transport's: what was written before is still sent."""
        self._send_held()
        self._transport.close()

    def _send_held(self) -> None:
        if self._held:
            data, self._held = self._held, b""
            self._write(data)
