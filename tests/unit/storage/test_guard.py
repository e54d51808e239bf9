"""Tries, queue and reconnection, with a store that does as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from llmgateway.storage.errors import StoreError, StoreFull, StoreUnavailable
from llmgateway.storage.resilient.guard import Guard, GuardSettings

pytestmark = pytest.mark.behaviour("S2")


class ToldStore:
    """Raises `trouble` while there is one; remembers what it was given."""

    def __init__(self) -> None:
        self.trouble: Exception | None = None
        self.written: list[int] = []
        self.tries = 0

    async def ping(self) -> None:
        if self.trouble and not isinstance(self.trouble, StoreFull):
            raise self.trouble

    def write(self, number: int) -> Callable[[], Awaitable[str]]:
        async def make() -> str:
            self.tries += 1
            await asyncio.sleep(0)
            if self.trouble:
                raise self.trouble
            self.written.append(number)
            return "written"

        return make


@pytest.fixture
def told() -> ToldStore:
    return ToldStore()


def guard_of(told: ToldStore, max_backoff: float = 0.05) -> Guard:
    return Guard(told.ping, GuardSettings(max_backoff=max_backoff), lambda: 1000.0)


async def until_ok(guard: Guard) -> None:
    async with asyncio.timeout(10):
        while guard.health().state != "ok":
            await asyncio.sleep(0.01)


async def test_a_command_gets_three_tries_and_then_none(told: ToldStore) -> None:
    guard = guard_of(told)
    told.trouble = StoreUnavailable("away")
    assert await guard.write(("a",), 1, told.write(1), "queued") == "queued"
    assert told.tries == 3
    assert await guard.write(("b",), 2, told.write(2), "queued") == "queued"
    with pytest.raises(StoreUnavailable):
        await guard.read(("c",), told.write(3))
    assert told.tries == 3
    await guard.close()


async def test_a_command_that_failed_once_gets_through_unnoticed(told: ToldStore) -> None:
    guard = guard_of(told)
    told.trouble = StoreUnavailable("away")
    writing = asyncio.create_task(guard.write(("a",), 1, told.write(1), "queued"))
    while told.tries == 0:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    told.trouble = None
    assert await writing == "written"
    assert guard.health().state == "ok"
    await guard.close()


async def test_those_in_the_middle_of_their_tries_stop_when_another_found_the_store_away(told: ToldStore) -> None:
    guard = guard_of(told, max_backoff=60)
    hung = asyncio.Event()
    tries = 0

    async def hang() -> None:
        nonlocal tries
        tries += 1
        await hung.wait()
        raise StoreUnavailable("away")

    reading = asyncio.create_task(guard.read(("a",), hang))
    await asyncio.sleep(0)
    told.trouble = StoreUnavailable("away")
    await guard.write(("b",), 1, told.write(1), "queued")
    hung.set()
    with pytest.raises(StoreUnavailable):
        await reading
    assert tries == 1
    await guard.close()


async def test_writes_overtake_the_queue_of_a_full_store_that_has_room_again_but_none_on_their_subject(
    told: ToldStore,
) -> None:
    guard = guard_of(told)
    told.trouble = StoreFull("full")
    await guard.write(("a",), 1, told.write(1), "queued")
    assert told.tries == 1  # a full store is not asked again at once
    told.trouble = None
    assert await guard.write(("a",), 2, told.write(2), "queued") == "queued"
    assert await guard.write(("b",), 3, told.write(3), "queued") == "written"
    await until_ok(guard)
    assert told.written == [3, 1, 2]
    assert await guard.write(("a",), 4, told.write(4), "queued") == "written"
    await guard.close()


async def test_writes_on_one_subject_go_one_by_one(told: ToldStore) -> None:
    guard = guard_of(told)
    order: list[str] = []

    def slow_first(name: str, seconds: float) -> Callable[[], Awaitable[None]]:
        async def make() -> None:
            await asyncio.sleep(seconds)
            order.append(name)

        return make

    await asyncio.gather(
        guard.write(("a",), 1, slow_first("a1", 0.05), None),
        guard.write(("a",), 2, slow_first("a2", 0), None),
        guard.write(("b",), 3, slow_first("b", 0), None),
    )
    assert order == ["b", "a1", "a2"]
    await guard.close()


async def test_a_store_that_goes_away_while_the_queue_is_written_is_found_again(told: ToldStore) -> None:
    guard = guard_of(told)
    told.trouble = StoreUnavailable("away")
    for number in range(4):
        await guard.write(("a",), number, told.write(number), "queued")

    async def make_and_go_away() -> str:
        told.trouble = StoreUnavailable("away again")
        return "written"

    await guard.write(("a",), 4, make_and_go_away, "queued")
    await guard.write(("a",), 5, told.write(5), "queued")
    told.trouble = None
    while told.trouble is None:
        await asyncio.sleep(0.01)
    assert (guard.health().state, guard.health().queued) == ("degraded", 1)
    told.trouble = None
    await until_ok(guard)
    assert told.written == [0, 1, 2, 3, 5]
    await guard.close()


async def test_a_fault_of_ours_is_raised_and_degrades_nothing(told: ToldStore) -> None:
    guard = guard_of(told)
    told.trouble = StoreError("wrong type")
    with pytest.raises(StoreError, match="wrong type"):
        await guard.write(("a",), 1, told.write(1), "queued")
    assert (told.tries, guard.health().state) == (1, "ok")
    await guard.close()


async def test_tries_to_reconnect_are_never_further_apart_than_the_longest_back_off(told: ToldStore) -> None:
    guard = guard_of(told, max_backoff=0.2)
    told.trouble = StoreUnavailable("away")
    await guard.write(("a",), 1, told.write(1), "queued")
    await asyncio.sleep(1.0)  # doubling without a bound would sleep much longer by now
    told.trouble = None
    async with asyncio.timeout(1.0):
        await until_ok(guard)
    await guard.close()


async def test_a_read_that_fails_while_the_last_queued_write_is_made_does_not_leave_the_store_away(
    told: ToldStore,
) -> None:
    guard = guard_of(told)
    told.trouble = StoreUnavailable("away")
    begun, released = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        if told.trouble:
            raise told.trouble
        begun.set()
        await released.wait()

    async def fail() -> None:
        raise StoreUnavailable("away once more")

    await guard.write(("a",), 1, slow, None)
    told.trouble = None
    await begun.wait()
    with pytest.raises(StoreUnavailable):
        await guard.read(("b",), fail)
    released.set()
    await until_ok(guard)
    assert await guard.read(("b",), told.write(2)) == "written"
    await guard.close()
