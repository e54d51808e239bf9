"""The work queue: nothing lost, nothing twice at a time, failures alone and ever more slowly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from llmgateway_operator.cluster.errors import Throttled, Unreachable
from llmgateway_operator.keys import Key
from llmgateway_operator.workqueue import Workqueue

ONE, TWO = Key("LLMGateway", "team", "one"), Key("LLMGateway", "team", "two")


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.001)


async def test_a_key_added_many_times_is_worked_once() -> None:
    queue, worked = Workqueue(), []

    async def reconcile(key: Key) -> None:
        worked.append(key)

    for _ in range(10):
        queue.add(ONE)
    queue.add(TWO)
    task = asyncio.create_task(queue.work(reconcile, 4))
    await until(lambda: queue.idle() and queue.done == 2)
    task.cancel()
    assert worked == [ONE, TWO]


async def test_a_change_during_the_work_is_worked_afterwards_and_never_beside_it() -> None:
    queue, together, most, gate = Workqueue(), 0, 0, asyncio.Event()

    async def reconcile(key: Key) -> None:
        nonlocal together, most
        together += 1
        most = max(most, together)
        await gate.wait()
        together -= 1

    queue.add(ONE)
    task = asyncio.create_task(queue.work(reconcile, 4))
    await until(lambda: together == 1)
    queue.add(ONE)
    queue.add(ONE)
    gate.set()
    await until(lambda: queue.done == 2 and queue.idle())
    task.cancel()
    assert most == 1


async def test_a_failing_key_is_tried_again_and_delays_no_other() -> None:
    queue, tries = Workqueue(), []

    async def reconcile(key: Key) -> None:
        tries.append(key)
        if key == ONE and tries.count(ONE) < 4:
            raise Unreachable("refused")

    queue.add(ONE)
    queue.add(TWO)
    task = asyncio.create_task(queue.work(reconcile, 1))
    await until(lambda: queue.done == 2)
    task.cancel()
    assert tries[:2] == [ONE, TWO]
    assert tries.count(ONE) == 4
    assert queue.failed == 3


async def test_a_defect_in_one_reconciliation_stops_no_worker(caplog: pytest.LogCaptureFixture) -> None:
    queue, tries = Workqueue(), []

    async def reconcile(key: Key) -> None:
        tries.append(key)
        if len(tries) == 1:
            raise ZeroDivisionError

    queue.add(ONE)
    task = asyncio.create_task(queue.work(reconcile, 1))
    await until(lambda: queue.done == 1)
    task.cancel()
    assert "reconciliation failed" in caplog.text


async def test_a_pause_that_the_server_asks_for_is_kept(caplog: pytest.LogCaptureFixture) -> None:
    queue = Workqueue()

    async def reconcile(key: Key) -> None:
        raise Throttled("slow down", retry_after=77)

    queue.add(ONE)
    task = asyncio.create_task(queue.work(reconcile, 1))
    await until(lambda: queue.failed == 1)
    task.cancel()
    pause = float(caplog.text.split("again in ")[1].split(" ")[0])
    assert 77 <= pause <= 77 * 1.2 + 0.1


async def test_the_earlier_of_two_dates_counts_and_an_answer_asks_for_another_look() -> None:
    queue, worked = Workqueue(), []

    async def reconcile(key: Key) -> float | None:
        worked.append(key)
        return 0.01 if len(worked) < 3 else None

    queue.add_after(ONE, 60)
    queue.add_after(ONE, 0.01)
    queue.add_after(ONE, 60)
    task = asyncio.create_task(queue.work(reconcile, 1))
    await until(lambda: len(worked) == 3)
    task.cancel()


async def test_a_change_goes_before_routine_even_when_the_key_waits_as_routine() -> None:
    queue, worked = Workqueue(), []

    async def reconcile(key: Key) -> None:
        worked.append(key.name)

    keys = [Key("LLMGateway", "team", str(number)) for number in range(5)]
    for key in keys:
        queue.add(key, routine=True)
    queue.add(keys[3])
    queue.add(ONE)
    queue.add(keys[3], routine=True)
    task = asyncio.create_task(queue.work(reconcile, 1))
    await until(lambda: queue.done == 6 and queue.idle())
    task.cancel()
    assert worked == ["3", "one", "0", "1", "2", "4"]


async def test_a_late_routine_look_stays_routine_unless_something_changed() -> None:
    queue, worked = Workqueue(), []

    async def reconcile(key: Key) -> None:
        worked.append(key.name)

    queue.add_after(TWO, 0.01, routine=True)
    queue.add_after(ONE, 0.01, routine=True)
    queue.add_after(ONE, 60)
    await until(lambda: queue.depth() == 2)
    task = asyncio.create_task(queue.work(reconcile, 1))
    await until(lambda: queue.done == 2)
    task.cancel()
    assert worked == ["one", "two"]
