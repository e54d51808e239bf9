"""Ends a request the moment its client goes away (T8), whatever it is waiting for: upstream, retry sleep, stream."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final

from llmgateway.server.request_body import ClientLeft, Receive

PATIENCE: Final = 0.02
"""Seconds before a watch begins: an answer that is there by then needs none. Whoever left meanwhile is seen then."""


class ClientWatches:
    """All watches of one process. Those that have not begun share one timer: most requests would not live to see
    one of their own."""

    def __init__(self) -> None:
        self._young: dict[_Watch, float] = {}
        """When each is due, in that order."""
        self._timer: asyncio.TimerHandle | None = None

    def over(self, receive: Receive) -> _Watch:
        """Around everything after the request body was read: a disconnect cancels the block, which raises
        ClientLeft."""
        return _Watch(self, receive)

    def add(self, watch: _Watch, loop: asyncio.AbstractEventLoop) -> None:
        """It begins within two times PATIENCE, unless it is discarded before."""
        self._young[watch] = loop.time() + PATIENCE
        if self._timer is None:
            self._timer = loop.call_later(PATIENCE, self._begin_due, loop)

    def discard(self, watch: _Watch) -> None:
        """It is over."""
        self._young.pop(watch, None)

    def _begin_due(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        for watch, due in list(self._young.items()):
            if due > now:
                self._timer = loop.call_later(PATIENCE, self._begin_due, loop)
                return
            del self._young[watch]
            watch.begin(loop)


class _Watch:
    """Waits for one client's disconnect."""

    __slots__ = ("_guarded", "_left", "_receive", "_watches", "_watching")

    def __init__(self, watches: ClientWatches, receive: Receive) -> None:
        self._watches = watches
        self._receive = receive
        self._left = False
        self._watching: asyncio.Task[None] | None = None

    def __enter__(self) -> None:
        self._guarded = asyncio.current_task()
        self._watches.add(self, asyncio.get_running_loop())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watches.discard(self)
        if self._watching is not None:
            self._watching.cancel()
        if self._left and kind is asyncio.CancelledError and self._guarded is not None:
            self._guarded.uncancel()
            raise ClientLeft from None

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._watching = loop.create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left = True
        if self._guarded is not None:
            self._guarded.cancel()
