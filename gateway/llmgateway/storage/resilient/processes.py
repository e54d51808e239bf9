"""Process marks of a store that may be away."""

from __future__ import annotations

import contextlib
from functools import partial

from llmgateway.storage.errors import StoreUnavailable
from llmgateway.storage.port import Processes
from llmgateway.storage.records import SilentProcess
from llmgateway.storage.resilient.guard import Guard


class ResilientProcesses:
    """Implements `port.Processes`. Beats and ends are skipped while the store is away (the next beat says as much);
    the rest raises StoreUnavailable: ask again, a crash must not go unnoticed."""

    def __init__(self, inner: Processes, guard: Guard) -> None:
        self._inner = inner
        self._guard = guard

    async def begin(self, process: str, at: float) -> float | None:
        return await self._guard.read((), partial(self._inner.begin, process, at))

    async def beat(self, process: str, at: float) -> None:
        with contextlib.suppress(StoreUnavailable):
            await self._guard.read((), partial(self._inner.beat, process, at))

    async def end(self, process: str) -> None:
        with contextlib.suppress(StoreUnavailable):
            await self._guard.read((), partial(self._inner.end, process))

    async def claim_silent(self, before: float) -> list[SilentProcess]:
        return await self._guard.read((), partial(self._inner.claim_silent, before))
