"""Budgets of a store that may be away: each replica counts alone until it is back, so that an outage lets through the
budget once per replica, not everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from msgspec.structs import replace

from llmgateway.storage.errors import StoreUnavailable
from llmgateway.storage.memory.limits import MemoryLimits
from llmgateway.storage.port import Limits
from llmgateway.storage.records import Budget, Charge
from llmgateway.storage.resilient.guard import Guard


class ResilientLimits:
    """Implements `port.Limits`; raises nothing. A charge whose answer was lost may count twice: too strict, never too
    lax."""

    def __init__(self, inner: Limits, guard: Guard, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._guard = guard
        self._alone = MemoryLimits(clock)

    async def charge(self, client: str, budgets: Sequence[Budget]) -> Charge:
        try:
            return await self._guard.read((), partial(self._inner.charge, client, budgets))
        except StoreUnavailable:
            return replace(await self._alone.charge(client, budgets), is_local=True)

    async def settle(self, client: str, budget: str, window_number: int, amount: int) -> None:
        try:
            await self._guard.read((), partial(self._inner.settle, client, budget, window_number, amount))
        except StoreUnavailable:
            await self._alone.settle(client, budget, window_number, amount)
