"""The pooled HTTP client of one backend. A client of its own, because the general ones cost more than everything else
that a request needs (docs/decisions/0600-an-http-client-for-the-hot-path.md).

Content encodings are not offered upstream: the bytes pass to the client as they come. Redirects are not followed.
"""

from __future__ import annotations

import ssl
from functools import cache
from urllib.parse import urlsplit

from llmgateway.upstreams.http_connection import HTTPAnswer
from llmgateway.upstreams.http_pool import HTTPPool, PoolSettings
from llmgateway.upstreams.port import ConnectFailed, NeverAnswered, UpstreamAnswer, UpstreamRequest

__all__ = ["HTTPTransport", "PoolSettings"]

PORTS = {"http": 80, "https": 443}


@cache
def _system_authorities() -> ssl.SSLContext:
    return ssl.create_default_context()


class HTTPTransport:
    """One backend's connections; used inside the running event loop."""

    def __init__(self, base_url: str, settings: PoolSettings, tls: ssl.SSLContext | None = None) -> None:
        url = urlsplit(base_url.rstrip("/"))
        host = (url.hostname or "").encode("idna").decode()
        secure = url.scheme == "https"
        port = url.port or PORTS.get(url.scheme, 0)
        context = (tls or _system_authorities()) if secure else None
        if context is not None:
            context.set_alpn_protocols(["http/1.1"])
        self._pool = HTTPPool(host, port, context, settings) if host and port else None
        self._base = url.path
        self._root = self._base.removesuffix("/v1")
        shown = f"[{host}]" if ":" in host else host
        self._host = shown if port == PORTS.get(url.scheme) else f"{shown}:{port}"

    async def send(self, request: UpstreamRequest) -> UpstreamAnswer:
        """Sends and waits for the status. Raises UpstreamError."""
        return await self._exchange("POST", request, request.body)

    async def get(self, request: UpstreamRequest) -> UpstreamAnswer:
        """The same as GET, without a body. Raises UpstreamError."""
        return await self._exchange("GET", request, b"")

    async def close(self) -> None:
        """Closes every connection, also those of running answers."""
        if self._pool is not None:
            self._pool.close()

    async def _exchange(self, method: str, request: UpstreamRequest, body: bytes) -> HTTPAnswer:
        if self._pool is None:
            raise ConnectFailed("the endpoint's URL is not valid")
        head = self._head(method, request, body)
        connection = await self._pool.acquire()
        try:
            answer = connection.begin(head, body)
            await answer.begun()
        except NeverAnswered:
            self._pool.distrust()
            raise
        except BaseException:
            connection.abort()  # also when the client left meanwhile: the backend stops working
            raise
        return answer

    def _head(self, method: str, request: UpstreamRequest, body: bytes) -> bytes:
        lines = [f"{method} {self._root if request.from_root else self._base}{request.path} HTTP/1.1"]
        lines.append(f"host: {self._host}")
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        if method == "POST":
            lines.append(f"content-length: {len(body)}")
        head = "\r\n".join(lines)
        if head.count("\n") >= len(lines) or head.count("\r") >= len(lines):
            raise ConnectFailed("a credential or header holds a line break")
        try:
            return head.encode("latin-1") + b"\r\n\r\n"
        except UnicodeEncodeError:
            raise ConnectFailed("a credential or header holds a character that no header may hold") from None
