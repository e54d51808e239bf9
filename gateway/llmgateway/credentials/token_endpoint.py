"""The one HTTP call to a token endpoint, on the standard library: connected first, sent once, never redirected.

Connecting comes apart from sending because it is harmless: whatever fails before the first byte of the request spends
no refresh token. From that byte on every failure is Unclear.
"""

from __future__ import annotations

import http.client
import select
import socket
import ssl
import time
from typing import Final, Protocol
from urllib.parse import urlsplit

from llmgateway.credentials.oauth_exchange import Answer, TokenRequest, Unclear, read_answer

CONNECT_TIMEOUT: Final = 10.0  # seconds, TLS included
ANSWER_TIMEOUT: Final = 30.0  # seconds for the whole answer
LARGEST_ANSWER: Final = 1024 * 1024  # bytes
PIECE: Final = 65536


class NotSent(Exception):
    """The request did not leave: no connection, or no trust. The message names the kind of error only."""


class Endpoint(Protocol):
    """One connection to one token endpoint."""

    def connect(self) -> None:
        """Raises NotSent."""

    def exchange(self, request: TokenRequest) -> Answer:
        """One attempt. Raises NotSent while it is certain that nothing left."""


class HttpTokenEndpoint:
    """`authorities`: a PEM file; None trusts the system's. Raises NotSent when it can't be read."""

    def __init__(self, url: str, authorities: str | None = None, *, answer_timeout: float = ANSWER_TIMEOUT) -> None:
        parts = urlsplit(url)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._timeout = answer_timeout
        self._connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = _trust(authorities)
            self._connection = http.client.HTTPSConnection(
                parts.hostname or "", parts.port, timeout=CONNECT_TIMEOUT, context=context
            )
        else:
            self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=CONNECT_TIMEOUT)

    def connect(self) -> None:
        self._connection.close()
        try:
            self._connection.connect()
        except (OSError, http.client.HTTPException) as error:
            raise NotSent(f"no connection: {_kind(error)}") from None

    def exchange(self, request: TokenRequest) -> Answer:
        if self._has_been_closed():
            self.connect()
        self._connection.sock.settimeout(self._timeout)
        try:
            self._connection.request("POST", self._path, request.body, request.headers)
            response = self._connection.getresponse()
            body = self._body(response)
        except (OSError, http.client.HTTPException) as error:
            return Unclear(_kind(error))
        finally:
            self._connection.close()
        return read_answer(response.status, body)

    def _has_been_closed(self) -> bool:
        """A server sends nothing before it was asked: what can be read now is the end of the connection."""
        connected: socket.socket | None = self._connection.sock
        if connected is None:
            return True
        readable, _, _ = select.select([connected], [], [], 0)
        if not readable:
            return False
        if not isinstance(connected, ssl.SSLSocket):
            return True
        connected.setblocking(False)  # TLS 1.3 sends session tickets unasked
        try:
            return connected.recv(1) == b""
        except (ssl.SSLWantReadError, BlockingIOError):
            return False
        except OSError:
            return True

    def _body(self, response: http.client.HTTPResponse) -> bytes:
        deadline = time.monotonic() + self._timeout
        body = bytearray()
        while piece := response.read1(PIECE):
            body += piece
            if time.monotonic() > deadline or len(body) > LARGEST_ANSWER:
                raise TimeoutError
        if response.length:  # of Content-Length is still to come
            raise http.client.IncompleteRead(b"")
        return bytes(body)


def _trust(authorities: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authorities)
    except (OSError, ssl.SSLError) as error:
        raise NotSent(f"the certificate authorities can't be read: {_kind(error)}") from None


def _kind(error: BaseException) -> str:
    """The name of the error: its text may quote a header or a body."""
    return type(error).__name__
