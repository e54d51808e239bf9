"""One HTTP/1.1 connection to a backend (RFC 9112) and the answer that arrives on it; llhttp reads the bytes.

A connection carries one exchange at a time. It goes back to its pool the moment an answer has arrived whole, even if
nobody has read it yet: what arrived belongs to the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from llmgateway.upstreams.port import NeverAnswered, UpstreamBroke, UpstreamError, UpstreamTimedOut

UNREAD_BYTES = 256 * 1024
"""Unread bytes of an answer at which its backend is made to wait: a slow client must not fill the memory."""
MAX_HEAD_BYTES = 64 * 1024
INTERIM = range(100, 200)
WITHOUT_BODY = (204, 304)

BROKE = "the upstream closed the connection early"
SILENT = "the upstream closed the connection without an answer"
NO_HTTP = "the upstream sent something that is no HTTP answer"


class Owner(Protocol):
    """The pool, as its connections see it."""

    def release(self, connection: Connection) -> None:
        """The exchange is over; the connection can be used again."""
        ...

    def dropped(self, connection: Connection) -> None:
        """The connection is gone."""
        ...


class HTTPAnswer:
    """One answer; `close` before its end closes the connection."""

    __slots__ = ("_connection", "_ended", "_error", "_pieces", "_unread", "_waiter", "headers", "status", "waits_since")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._pieces: list[bytes] = []
        self._unread = 0
        self._ended = False
        self._error: UpstreamError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.waits_since: float | None = None
        """Loop time since which somebody waits for bytes."""

    async def begun(self) -> None:
        """Returns once status and headers are known. Raises UpstreamError."""
        while not self.status:
            if self._error is not None:
                raise self._error
            await self._arrival()

    async def read_some(self) -> bytes:
        """All bytes that have arrived, waiting for at least one; b"" at the end. Raises UpstreamError."""
        pieces = self._pieces
        while not pieces:
            if self._error is not None:
                raise self._error
            if self._ended:
                return b""
            await self._arrival()
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        if self._unread > UNREAD_BYTES:
            self._connection.resume()
        self._unread = 0
        return data

    async def read_all(self) -> bytes:
        """The rest of the body. Raises UpstreamError."""
        found = await self.read_some()
        if self._ended and not self._pieces:  # as nearly all whole answers do, it came at once
            return found
        parts = [found]
        while part := await self.read_some():
            parts.append(part)
        return b"".join(parts)

    def close(self) -> None:
        """Ends the exchange at once; a connection whose answer came whole has gone back to the pool."""
        if not self._ended and self._error is None:
            self._connection.abort()

    def add(self, data: bytes) -> None:
        """A piece of the body arrived."""
        self._pieces.append(data)
        before = self._unread
        self._unread = before + len(data)
        if before <= UNREAD_BYTES < self._unread:
            self._connection.pause()

    def end(self) -> None:
        """Nothing more comes."""
        self._ended = True

    def fail(self, error: UpstreamError) -> None:
        """Nothing more comes, although something was due."""
        if not self._ended:
            self._error = self._error or error
        self.wake()

    def wake(self) -> None:
        """Whoever waits looks again."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def _arrival(self) -> None:
        loop = self._connection.loop
        self._waiter = loop.create_future()
        self.waits_since = loop.time()
        try:
            await self._waiter
        finally:
            self._waiter = self.waits_since = None


class Connection(asyncio.Protocol):
    """A socket, a parser, and the answer of the exchange that runs."""

    def __init__(self, owner: Owner, loop: asyncio.AbstractEventLoop) -> None:
        self._owner = owner
        self.loop = loop
        self._parser = HttpResponseParser(self)
        self._answer: HTTPAnswer | None = None
        self._headers: dict[str, str] = {}
        self._head_bytes = 0
        self._has_begun = False
        self._until_close = False
        self._stuck: tuple[float, int] | None = None
        self.idle_since = 0.0
        self._transport: asyncio.Transport

    @property
    def usable(self) -> bool:
        """Whether a new exchange may begin."""
        return self._answer is None and not self._transport.is_closing()

    def begin(self, head: bytes, body: bytes) -> HTTPAnswer:
        """Sends a request; its answer follows."""
        self._answer = answer = HTTPAnswer(self)
        self._headers = {}
        self._head_bytes = 0
        self._has_begun = False
        self._until_close = False
        self._transport.writelines((head, body) if body else (head,))
        return answer

    def abort(self) -> None:
        """Closes without a word."""
        self._transport.abort()

    def pause(self) -> None:
        """The backend waits."""
        self._transport.pause_reading()

    def resume(self) -> None:
        """The backend goes on."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def check(self, now: float, read: float, write: float) -> None:
        """Ends an exchange whose backend sends, or takes, nothing for longer than its limit in seconds."""
        answer = self._answer
        if answer is not None and answer.waits_since is not None and now - answer.waits_since > read:
            self._fail(UpstreamTimedOut("no answer within the read limit"))
        elif self._stuck is not None:
            since, size = self._stuck
            waiting = self._transport.get_write_buffer_size()
            if waiting < size:
                self._stuck = (now, waiting)
            elif now - since > write:
                self._fail(UpstreamTimedOut("the request was not taken within the write limit"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclasses of it

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        if answer is None:
            self.abort()  # nothing was asked
            return
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self._fail(UpstreamBroke(NO_HTTP))
        else:
            answer.wake()

    def connection_lost(self, error: Exception | None) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and self._until_close and answer.status and error is None:
            answer.end()
            answer.wake()
        elif answer is not None:
            answer.fail(UpstreamBroke(BROKE) if self._has_begun else NeverAnswered(SILENT))
        self._owner.dropped(self)

    def pause_writing(self) -> None:
        self._stuck = (self.loop.time(), self._transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        self._stuck = None

    def on_message_begin(self) -> None:
        """Called by the parser at the first byte of an answer."""
        self._has_begun = True
        if self._answer is None:
            self.abort()  # a second answer to one request: whoever came next would take it for theirs

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser, also for trailers, which say nothing here."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > MAX_HEAD_BYTES:
            raise ValueError("the head of the answer is too long")  # the parser makes a HttpParserCallbackError of it
        if self._answer is not None and not self._answer.status:
            self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        answer, status = self._answer, self._parser.get_status_code()
        if answer is None:
            return
        if status in INTERIM:
            self._headers.clear()
            return
        framed = "content-length" in self._headers or "transfer-encoding" in self._headers
        self._until_close = not framed and status not in WITHOUT_BODY
        answer.headers, answer.status = self._headers, status

    def on_body(self, data: bytes) -> None:
        """Called by the parser."""
        if self._answer is not None:
            self._answer.add(data)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        answer = self._answer
        if answer is None or not answer.status:
            return  # an interim answer: the real one follows
        answer.end()
        self._answer = None
        self.resume()
        if self._parser.should_keep_alive():
            self._owner.release(self)
        else:
            self._transport.close()

    def _fail(self, error: UpstreamError) -> None:
        if self._answer is not None:
            self._answer.fail(error)
        self.abort()
