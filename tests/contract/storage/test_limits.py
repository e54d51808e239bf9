"""Budgets: what every store must do."""

from __future__ import annotations

import asyncio
import time

import pytest

from llmgateway.storage.port import Store
from llmgateway.storage.records import Budget

from .conftest import Backend

pytestmark = pytest.mark.behaviour("S3")

DAY = 86_400
YEAR = 365 * DAY  # a window that does not end while a test runs


def requests(limit: int, window: int = YEAR) -> Budget:
    return Budget("requests", limit, window)


async def test_a_budget_is_spent_to_its_last_and_no_further(store: Store) -> None:
    remaining = []
    for _ in range(3):
        charge = await store.limits.charge("ann", [requests(3)])
        assert charge.allowed
        remaining.append(charge.balances[0].remaining)
    refused = await store.limits.charge("ann", [requests(3)])
    assert remaining == [2, 1, 0]
    assert (refused.allowed, refused.balances[0].remaining, refused.balances[0].fits) == (False, 0, False)
    assert 0 < refused.retry_after <= YEAR
    assert (await store.limits.charge("bob", [requests(3)])).allowed


async def test_all_budgets_are_charged_or_none(store: Store) -> None:
    both = [requests(10), Budget("tokens", 100, YEAR, amount=60)]
    assert (await store.limits.charge("ann", both)).allowed
    refused = await store.limits.charge("ann", both)
    assert [balance.fits for balance in refused.balances] == [True, False]
    assert [balance.remaining for balance in refused.balances] == [9, 40]
    small = await store.limits.charge("ann", [requests(10), Budget("tokens", 100, YEAR, amount=40)])
    assert small.allowed
    assert [balance.remaining for balance in small.balances] == [8, 0]


async def test_a_charge_without_budgets_is_allowed(store: Store) -> None:
    charge = await store.limits.charge("ann", [])
    assert (charge.allowed, charge.balances, charge.retry_after) == (True, [], 0.0)


async def test_an_estimate_is_settled_either_way(store: Store) -> None:
    tokens = Budget("tokens", 100, YEAR, amount=50)
    charge = await store.limits.charge("ann", [tokens])
    number = charge.balances[0].window_number
    await store.limits.settle("ann", "tokens", number, -20)
    assert (await store.limits.charge("ann", [tokens])).balances[0].remaining == 20
    await store.limits.settle("ann", "tokens", number, 500)
    assert (await store.limits.charge("ann", [Budget("tokens", 100, YEAR)])).balances[0].remaining == 0
    await store.limits.settle("ann", "tokens", number - 1, -1000)
    assert not (await store.limits.charge("ann", [Budget("tokens", 100, YEAR)])).allowed


async def test_settling_what_was_never_charged_changes_nothing(store: Store) -> None:
    await store.limits.settle("ann", "tokens", 0, 50)
    assert (await store.limits.charge("ann", [Budget("tokens", 100, YEAR)])).balances[0].remaining == 99


async def test_a_window_ends_when_it_said(store: Store) -> None:
    charge = await store.limits.charge("ann", [requests(1, window=1)])
    while charge.allowed:  # until two charges meet in one window
        charge = await store.limits.charge("ann", [requests(1, window=1)])
    assert 0 < charge.retry_after <= 1
    await asyncio.sleep(charge.retry_after + 0.02)
    assert (await store.limits.charge("ann", [requests(1, window=1)])).allowed


async def test_days_end_at_midnight_utc(store: Store) -> None:
    charge = await store.limits.charge("ann", [requests(5, window=DAY)])
    midnight = (time.time() // DAY + 1) * DAY
    assert abs(time.time() + charge.balances[0].reset_after - midnight) % DAY < 5


async def test_replicas_together_never_overspend(backend: Backend) -> None:
    replicas = [backend.open(), backend.open()]
    charges = await asyncio.gather(*(replicas[number % 2].limits.charge("ann", [requests(17)]) for number in range(60)))
    assert sum(charge.allowed for charge in charges) == 17
    assert sorted(charge.balances[0].remaining for charge in charges if charge.allowed) == list(range(17))
