"""One upstream's answer, read from a connection of aiohttp's pool."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError

from llmgateway.upstreams.port import ConnectFailed, NeverAnswered, UpstreamBroke, UpstreamError
from llmgateway.upstreams.silence_watch import SilenceWatch

CONNECTION_ERRORS: Final = (aiohttp.ClientError, HttpProcessingError, TimeoutError, OSError)
"""What aiohttp raises while it connects, sends and reads."""
SWITCHING_PROTOCOLS: Final = 101


class HTTPAnswer:
    """One answer; `close` without having read all closes the connection, having read all gives it back by itself.

    `status` and `headers` are there after `begin`. One reader at a time."""

    __slots__ = ("_awaited", "_connection", "_content", "_protocol", "_watch", "headers", "status", "waiting_since")

    def __init__(self, connection: Connection, protocol: ResponseHandler, watch: SilenceWatch) -> None:
        self._connection = connection
        self._protocol = protocol
        self._content: aiohttp.StreamReader = aiohttp.EMPTY_PAYLOAD
        self._awaited: ResponseHandler | aiohttp.StreamReader = protocol
        self._watch = watch
        self.waiting_since: int | None = None
        self.status = 0
        self.headers: Mapping[str, str] = {}

    async def begin(self) -> None:
        """Waits for status and headers. Raises UpstreamError, also when the request is not taken."""
        self.waiting_since = self._watch.tick
        self._watch.add(self)
        try:
            head, content = await self._protocol.read()
            while head.code < 200 and head.code != SWITCHING_PROTOCOLS:  # what comes before the answer (RFC 9110, 15.2)
                head, content = await self._protocol.read()
        except BaseException as error:
            self._drop()
            if isinstance(error, CONNECTION_ERRORS):
                raise as_upstream_error(error) from None
            raise
        self.waiting_since = None
        self.status = head.code
        self.headers = {name.lower(): value for name, value in head.headers.items()}
        self._content = self._awaited = content
        content.on_eof(self._give_back)

    async def read_some(self) -> bytes:
        """All bytes that have arrived, waiting for at least one; b"" at the end. Raises UpstreamError."""
        self.waiting_since = self._watch.tick
        try:
            return await self._content.readany()
        except CONNECTION_ERRORS as error:
            raise as_upstream_error(error) from None
        finally:
            self.waiting_since = None

    async def read_all(self) -> bytes:
        """The rest of the body. Raises UpstreamError."""
        parts = []
        while not self._content.is_eof():
            parts.append(await self.read_some())
        return b"".join([*parts, self._content.read_nowait()])

    def close(self) -> None:
        """Ends the exchange at once, also for whoever waits in a read."""
        if not self._content.is_eof():
            self.fail(UpstreamBroke("the exchange was ended"))
            self._drop()

    def is_broken(self) -> bool:
        """The bytes stopped making sense: aiohttp tells its connection so, not a reader of the body."""
        return self._protocol.exception() is not None and not self._awaited.is_eof()

    def fail(self, error: UpstreamError) -> None:
        """Raises in the wait for the head or for the body."""
        self._awaited.set_exception(error)

    def _give_back(self) -> None:
        transport = self._connection.transport
        if transport is not None and transport.get_write_buffer_size():  # answered before it took the request
            self._drop()
        else:
            self._watch.discard(self)
            self._connection.release()

    def _drop(self) -> None:
        """Closes the connection at once: what of a request was not taken yet is not waited for."""
        self._watch.discard(self)
        if self._connection.transport is not None:
            self._connection.transport.abort()
        self._connection.close()


def as_upstream_error(error: Exception) -> UpstreamError:
    """aiohttp's exception -> ours, in words that name no address or header."""
    if isinstance(error, asyncio.TimeoutError):
        return ConnectFailed("no connection within backends[].timeouts.connect and pool")
    if isinstance(error, aiohttp.ClientConnectorError):
        return ConnectFailed(error.os_error.strerror or type(error.os_error).__name__)
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError):
        return NeverAnswered("the upstream closed the connection without an answer")
    if isinstance(error, HttpProcessingError):
        return UpstreamBroke("the upstream's answer is not valid HTTP")
    return UpstreamBroke("the upstream closed the connection early")
