"""The arithmetic of budgets: fixed windows, cut at multiples of their length since the epoch.

A fixed window tells exactly what is left and when it resets, costs one counter, and a day ends at midnight UTC. Its
price: twice the limit may pass around the moment at which two windows meet."""

from __future__ import annotations

from collections.abc import Sequence

from llmgateway.storage.records import Balance, Budget, Charge


def charge_of(budgets: Sequence[Budget], used: Sequence[int], now: float) -> Charge:
    """The outcome of a charge; `used` is what each window held before it."""
    fits = [before + budget.amount <= budget.limit for budget, before in zip(budgets, used, strict=True)]
    paid = all(fits)
    return Charge(
        [
            Balance(
                name=budget.name,
                limit=budget.limit,
                remaining=max(0, budget.limit - before - (budget.amount if paid else 0)),
                reset_after=budget.window - now % budget.window,
                fits=one_fits,
                window_number=int(now // budget.window),
            )
            for budget, before, one_fits in zip(budgets, used, fits, strict=True)
        ]
    )
