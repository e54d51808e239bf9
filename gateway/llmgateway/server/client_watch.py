"""Ends a request the moment its client goes away (T8), whatever it is waiting for: upstream, retry sleep, stream."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from llmgateway.server.request_body import ClientLeft, Receive

PATIENCE = 0.02
"""Seconds before the watch begins: an answer that is there by then needs none. Whoever left meanwhile is seen then."""


class ClientWatch:
    """Around everything after the request body was read: a disconnect cancels the block, which raises ClientLeft."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._left = False
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._guarded = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(PATIENCE, self._begin)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._watching is not None:
            self._watching.cancel()
        if self._left and kind is asyncio.CancelledError and self._guarded is not None:
            self._guarded.uncancel()
            raise ClientLeft from None

    def _begin(self) -> None:
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left = True
        if self._guarded is not None:
            self._guarded.cancel()
