"""The pooled HTTP client of one backend, on aiohttp (the only importer of it; docs/performance.md says why not httpx).

Content encodings are not offered upstream: the bytes pass to the client as they come.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine, Mapping
from typing import Any

import aiohttp
from msgspec import Struct

from llmgateway.upstreams.port import (
    ConnectFailed,
    NeverAnswered,
    UpstreamAnswer,
    UpstreamBroke,
    UpstreamError,
    UpstreamRequest,
    UpstreamTimedOut,
)


class PoolSettings(Struct, frozen=True, kw_only=True):
    """Limits of one pool, in seconds and connections."""

    connect: float = 10.0
    read: float = 600.0
    write: float = 30.0
    pool: float = 10.0
    max_connections: int = 1000
    keep_alive: float = 120.0


class HTTPTransport:
    """One backend's connections; made inside the running event loop."""

    def __init__(self, base_url: str, settings: PoolSettings, tls: ssl.SSLContext | None = None) -> None:
        self._base = base_url.rstrip("/")
        self._root = self._base.removesuffix("/v1")
        self._settings = settings
        connector = aiohttp.TCPConnector(
            limit=settings.max_connections,
            keepalive_timeout=settings.keep_alive,
            ssl=tls or True,
            ttl_dns_cache=10,  # a Service's endpoints move
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),  # no state of one client may travel to another
            skip_auto_headers=("Accept-Encoding", "User-Agent", "Accept"),
            timeout=aiohttp.ClientTimeout(
                total=None,
                connect=settings.pool + settings.connect,
                sock_connect=settings.connect,
                sock_read=settings.read,
            ),
        )

    def send(self, request: UpstreamRequest) -> Coroutine[Any, Any, UpstreamAnswer]:
        """Sends and waits for the status. Raises UpstreamError."""
        return self._exchange("POST", request, request.body)

    def get(self, request: UpstreamRequest) -> Coroutine[Any, Any, UpstreamAnswer]:
        """The same as GET, without a body. Raises UpstreamError."""
        return self._exchange("GET", request, None)

    async def _exchange(self, method: str, request: UpstreamRequest, body: bytes | None) -> UpstreamAnswer:
        url = (self._root if request.from_root else self._base) + request.path
        try:
            answer = await self._session.request(method, url, data=body, headers=request.headers, allow_redirects=False)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise as_upstream_error(error) from None
        return HTTPAnswer(answer)

    async def close(self) -> None:
        """Closes every connection, also those of running answers."""
        await self._session.close()


class HTTPAnswer:
    """One answer; `close` without having read all closes the connection."""

    __slots__ = ("_answer", "_content", "headers", "status")

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self._content = answer.content
        self.status = answer.status
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in answer.headers.items()}

    async def read_some(self) -> bytes:
        """All bytes that have arrived, waiting for at least one; b"" at the end. Raises UpstreamError."""
        try:
            return await self._content.readany()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise as_upstream_error(error) from None

    async def read_all(self) -> bytes:
        """The rest of the body. Raises UpstreamError."""
        try:
            return await self._answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise as_upstream_error(error) from None

    def close(self) -> None:
        """Ends the exchange at once; a connection whose answer was read to its end has gone back to the pool."""
        self._answer.close()


def as_upstream_error(error: Exception) -> UpstreamError:
    """aiohttp's exception -> ours, in words that name no address or header."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return ConnectFailed("no connection within the connect limit")
    if isinstance(error, asyncio.TimeoutError):
        return UpstreamTimedOut("no answer within the read limit")
    if isinstance(error, aiohttp.ClientConnectorError):
        return ConnectFailed(_reason(error.os_error))
    if isinstance(error, aiohttp.InvalidURL):
        return ConnectFailed("the endpoint's URL is not valid")
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError):
        return NeverAnswered("the upstream closed the connection without an answer")
    return UpstreamBroke("the upstream closed the connection early")


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
