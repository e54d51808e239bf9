"""Budgets counted in memory: the store of a lone gateway, and what a replica falls back to while Valkey is away."""

from __future__ import annotations

from collections.abc import Sequence

from llmgateway.storage.budgets import charge_of
from llmgateway.storage.memory.expiring_table import Clock
from llmgateway.storage.records import Budget, Charge


class MemoryLimits:
    """Implements `port.Limits`. One counter per client and budget: clients are configured, their number is bounded."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._used: dict[tuple[str, str], tuple[int, int]] = {}
        """(client, budget) -> (window number, amount used)"""

    async def charge(self, client: str, budgets: Sequence[Budget]) -> Charge:
        now = self._clock()
        charge = charge_of(budgets, [self._used_now(client, budget, now) for budget in budgets], now)
        if charge.allowed:
            for budget in budgets:
                used = self._used_now(client, budget, now) + budget.amount
                self._used[client, budget.name] = (int(now // budget.window), used)
        return charge

    async def settle(self, client: str, budget: str, window_number: int, amount: int) -> None:
        number, used = self._used.get((client, budget), (window_number, 0))
        if number == window_number:
            self._used[client, budget] = (number, used + amount)

    def _used_now(self, client: str, budget: Budget, now: float) -> int:
        number, used = self._used.get((client, budget.name), (-1, 0))
        return used if number == int(now // budget.window) else 0
