"""Ends a request the moment its client goes away (T8), whatever it is waiting for: upstream, retry sleep, stream."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from llmgateway.server.request_body import ClientLeft, Receive


class ClientWatch:
    """Around everything after the request body was read: a disconnect cancels the block, which raises ClientLeft."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._left = False

    async def __aenter__(self) -> Self:
        self._guarded = asyncio.current_task()
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watching.cancel()
        if self._left and kind is asyncio.CancelledError and self._guarded is not None:
            self._guarded.uncancel()
            raise ClientLeft from None

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._left = True
        if self._guarded is not None:
            self._guarded.cancel()
