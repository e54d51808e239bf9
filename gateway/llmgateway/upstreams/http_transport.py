"""The pooled HTTP client of one backend: aiohttp's connections without its sessions (decision 605).

Connections, their limits, TLS and the parsing of answers are aiohttp's. A session around them composes anew for each
request what is the same for all of a backend, and looks after cookies, redirects and proxies that a gateway wants none
of. Content encodings are not offered upstream: the bytes pass to the client as they come.
"""

from __future__ import annotations

import ssl
from collections.abc import Coroutine
from typing import Any

import aiohttp
from msgspec import Struct
from yarl import URL

from llmgateway.upstreams.http_answer import CONNECTION_ERRORS, HTTPAnswer, as_upstream_error
from llmgateway.upstreams.port import ConnectFailed, NeverAnswered, UpstreamRequest
from llmgateway.upstreams.request_head import request_head
from llmgateway.upstreams.silence_watch import SilenceWatch
from llmgateway.upstreams.write_watch import WriteWatch


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
        self._base_url = base_url
        self._known_address: _Address | None = None
        self._settings = settings
        self._silence = SilenceWatch(settings.read)
        self._patience = aiohttp.ClientTimeout(connect=settings.pool + settings.connect, sock_connect=settings.connect)
        self._connector = aiohttp.TCPConnector(
            limit=settings.max_connections,
            keepalive_timeout=settings.keep_alive,
            ssl=tls or True,
            ttl_dns_cache=10,  # a Service's endpoints move
        )

    def send(self, request: UpstreamRequest) -> Coroutine[Any, Any, HTTPAnswer]:
        """Sends and waits for the status. Raises UpstreamError."""
        address = self._address()
        head = request_head("POST", address.path(request), address.host, request.headers, len(request.body))
        return self._exchange(address, head + request.body)

    async def get(self, request: UpstreamRequest) -> HTTPAnswer:
        """The same as GET, without a body; sent again where a kept connection had ended. Raises UpstreamError."""
        address = self._address()
        head = request_head("GET", address.path(request), address.host, request.headers, None)
        try:
            return await self._exchange(address, head)
        except NeverAnswered:
            return await self._exchange(address, head)

    async def close(self) -> None:
        """Closes every connection, also those of running answers."""
        await self._connector.close()

    def _address(self) -> _Address:
        if self._known_address is None:
            self._known_address = _Address(self._base_url)
        return self._known_address

    async def _exchange(self, address: _Address, message: bytes) -> HTTPAnswer:
        try:
            connection = await self._connector.connect(address.target, [], self._patience)
        except CONNECTION_ERRORS as error:
            raise as_upstream_error(error) from None
        protocol, transport = connection.protocol, connection.transport
        if protocol is None or transport is None or transport.is_closing():
            connection.close()
            raise NeverAnswered("the upstream closed the connection at once")
        protocol.set_response_params(read_until_eof=True, auto_decompress=False)
        transport.write(message)
        answer = HTTPAnswer(connection, protocol, self._silence)
        if protocol.writing_paused:  # less than that, 64 KiB, the system takes at once
            with WriteWatch(transport.get_write_buffer_size, self._settings.write, answer.fail):
                await answer.begin()
        else:
            await answer.begin()
        return answer


class _Address:
    """A backend's URL in parts. Raises ConnectFailed where it has none to connect to."""

    def __init__(self, base_url: str) -> None:
        try:
            url = URL(base_url)
            self.target = aiohttp.ClientRequest("GET", url)
        except ValueError:
            raise ConnectFailed("the endpoint's URL is not valid") from None
        self.host = self.target.headers["Host"]
        self._base = url.raw_path.rstrip("/")
        self._root = self._base.removesuffix("/v1")

    def path(self, request: UpstreamRequest) -> str:
        """The request's target."""
        return (self._root if request.from_root else self._base) + request.path
