"""Budgets in SQLite."""

from __future__ import annotations

from collections.abc import Sequence
from sqlite3 import Connection

from llmgateway.storage.budgets import charge_of
from llmgateway.storage.records import Budget, Charge
from llmgateway.storage.sqlite.database import Database


class SqliteLimits:
    """Implements `port.Limits`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def charge(self, client: str, budgets: Sequence[Budget]) -> Charge:
        def work(connection: Connection, now: float) -> Charge:
            used = [_used(connection, now, client, budget) for budget in budgets]
            charge = charge_of(budgets, used, now)
            if charge.allowed:
                rows = zip(budgets, used, charge.balances, strict=True)
                connection.executemany(
                    "INSERT OR REPLACE INTO used (client, budget, window_number, amount, expires)"
                    " VALUES (?, ?, ?, ?, ?)",
                    [
                        (client, budget.name, balance.window_number, before + budget.amount, now + balance.reset_after)
                        for budget, before, balance in rows
                    ],
                )
            return charge

        return await self._database.write(work)

    async def settle(self, client: str, budget: str, window_number: int, amount: int) -> None:
        def work(connection: Connection, _: float) -> None:
            connection.execute(
                "UPDATE used SET amount = amount + ? WHERE client = ? AND budget = ? AND window_number = ?",
                (amount, client, budget, window_number),
            )

        await self._database.write(work)


def _used(connection: Connection, now: float, client: str, budget: Budget) -> int:
    row = connection.execute(
        "SELECT amount FROM used WHERE client = ? AND budget = ? AND window_number = ?",
        (client, budget.name, int(now // budget.window)),
    ).fetchone()
    return int(row[0]) if row else 0
