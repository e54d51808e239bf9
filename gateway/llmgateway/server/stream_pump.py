"""Upstream reads to client writes: one send per read, keep-alives in silence, and a legal ending whatever happens.

The response starts when the first event is there, so that an upstream that fails at once still becomes a real status
(T5); after a second of silence it starts all the same, with a keep-alive (H1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from llmgateway.failures import Failure, TurnRefused
from llmgateway.turn import StreamedTurn
from llmgateway.upstreams.port import UpstreamAnswer, UpstreamError

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

FIRST_EVENT_PATIENCE = 1.0
"""Seconds to wait for a first event before the response starts without one."""
DRAIN_PATIENCE = 1.0
"""Seconds in which a finished upstream may close its answer, so that its connection can be used again."""


class ClientStream:
    """The client's side of one stream: starts once, sends whole events, knows how long it has been quiet."""

    def __init__(self, send: Send, headers: Callable[[], list[tuple[bytes, bytes]]], every: float) -> None:
        self._send = send
        self._headers = headers
        self.every = self._patience = every
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._timer: asyncio.TimerHandle | None = None
        self._beating: asyncio.Task[None] | None = None
        self._writing = False
        self._keep_alive: Callable[[], bytes] = bytes
        self.started = False

    async def start(self) -> None:
        """Sends the status and headers of a good stream."""
        self.started = True
        await self._send({"type": "http.response.start", "status": 200, "headers": self._headers()})

    async def write(self, data: bytes) -> None:
        """Whole events, in one piece; the first one starts the response."""
        self._writing = True
        if not self.started:
            await self.start()
        await self._send({"type": "http.response.body", "body": data, "more_body": True})
        self._writing = False
        self._last = self._loop.time()

    async def finish(self, data: bytes = b"") -> None:
        """The last piece, together with the end."""
        self.hush()
        if self._beating is not None:
            await self._beating
        if not self.started:
            await self.start()
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    def beat(self, keep_alive: Callable[[], bytes]) -> None:
        """From now on silence is filled with what `keep_alive` returns."""
        self._keep_alive = keep_alive
        self._timer = self._loop.call_later(self.every, self._check)

    def start_within(self, patience: float) -> None:
        """If nothing starts the response within `patience` seconds, a keep-alive does."""
        if self._timer is None or self.started or patience >= self.every:
            return
        self._timer.cancel()
        self._patience = patience
        self._last = self._loop.time()
        self._timer = self._loop.call_later(patience, self._check)

    def hush(self) -> None:
        """No more keep-alives."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check(self) -> None:
        if self.started:
            self._patience = self.every
        quiet = self._loop.time() - self._last
        due = quiet >= self._patience * 0.99
        if due:
            self._patience, quiet = self.every, 0.0
            if not self._writing:
                self._beating = self._loop.create_task(self._beat())
        self._timer = self._loop.call_later(self._patience - quiet, self._check)

    async def _beat(self) -> None:
        data = self._keep_alive()
        if data:
            await self.write(data)


async def pump(
    turn: StreamedTurn,
    answer: UpstreamAnswer,
    client: ClientStream,
    backend: str,
    before_end: Callable[[], Awaitable[None]],
) -> None:
    """Streams one answer to its end. `before_end` runs before the last piece is sent: what it stores is there when
    the client reads it. Raises TurnRefused when the answer failed before anything was sent."""
    data = await _first_output(turn, answer, client, backend)
    while not turn.ended:
        if data:
            await client.write(data)
        data = await _step(turn, answer, backend)
    await before_end()
    await client.finish(data)
    await _let_close(answer)


async def _first_output(turn: StreamedTurn, answer: UpstreamAnswer, client: ClientStream, backend: str) -> bytes:
    """Waits for the first bytes; when they take long, the response starts with a keep-alive meanwhile."""
    client.start_within(FIRST_EVENT_PATIENCE)
    data = b""
    while not data and not turn.ended:
        data = await _step(turn, answer, backend)
    failure = turn.outcome.failure
    if failure is not None and not client.started:
        raise TurnRefused(failure)
    return data


async def _step(turn: StreamedTurn, answer: UpstreamAnswer, backend: str) -> bytes:
    """One upstream read -> bytes for the client; a broken upstream becomes the dialect's in-band error."""
    try:
        data = await answer.read_some()
    except UpstreamError as error:
        message = f"Backend {backend} broke off before the answer was complete: {error}."
        return turn.fail(Failure(kind="bad_gateway", message=message, from_upstream=True))
    if data:
        return turn.receive(data)
    rest = turn.end()
    if not turn.ended:  # nothing after the end of the upstream can end it
        message = f"Backend {backend} closed the connection before the answer was complete."
        rest += turn.fail(Failure(kind="bad_gateway", message=message, from_upstream=True))
    return rest


async def _let_close(answer: UpstreamAnswer) -> None:
    """Reads what is left of a finished answer, so that the connection goes back to the pool."""
    try:
        async with asyncio.timeout(DRAIN_PATIENCE):
            while await answer.read_some():
                pass
    except (UpstreamError, TimeoutError):
        answer.close()
