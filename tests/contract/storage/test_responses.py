"""Responses and their event logs: what every store must do (R4)."""

from __future__ import annotations

import asyncio

import pytest

from llmgateway.storage.port import Store
from llmgateway.storage.records import EventPage, NewResponse, ResponseKey, Retention, StoredEvent

from .conftest import Backend

pytestmark = pytest.mark.behaviour("R4", "S3")

NEW = NewResponse(
    id="resp_1",
    at=1000.5,
    document={"id": "resp_1", "status": "in_progress", "output": []},
    input_items=[{"type": "message", "content": "ä"}],
    process="pod-1",
)
DONE = {"id": "resp_1", "status": "completed", "output": [{"type": "message"}]}


def events(first: int, last: int) -> list[StoredEvent]:
    return [StoredEvent(number, f"data: {number}\n\n".encode()) for number in range(first, last + 1)]


async def test_a_response_is_read_as_it_was_created(store: Store) -> None:
    await store.responses.create("ann", NEW)
    found = await store.responses.read("ann", "resp_1")
    assert found is not None
    assert (found.id, found.at, found.document, found.input_items) == (
        "resp_1", 1000.5, NEW.document, NEW.input_items
    )  # fmt: skip
    assert (found.status, found.process, found.last_event, found.is_open) == ("in_progress", "pod-1", -1, True)


async def test_another_owners_response_is_absent_in_every_way(store: Store) -> None:
    await store.responses.create("ann", NEW)
    assert await store.responses.read("bob", "resp_1") is None
    assert await store.responses.append_events("bob", "resp_1", events(0, 1)) is False
    assert await store.responses.finish("bob", "resp_1", "cancelled", DONE) is False
    assert await store.responses.wait_events("bob", "resp_1", -1, 0.05) is None
    assert await store.responses.delete("bob", "resp_1") is False
    found = await store.responses.read("ann", "resp_1")
    assert found is not None
    assert found.last_event == -1


async def test_creating_it_again_changes_nothing(store: Store) -> None:
    await store.responses.create("ann", NEW)
    await store.responses.append_events("ann", "resp_1", events(0, 3))
    await store.responses.create("ann", NEW)
    found = await store.responses.read("ann", "resp_1")
    assert found is not None
    assert found.last_event == 3


async def test_events_come_back_in_order_after_any_number(store: Store) -> None:
    await store.responses.create("ann", NEW)
    assert await store.responses.append_events("ann", "resp_1", events(0, 4)) is True
    assert await store.responses.append_events("ann", "resp_1", events(5, 9)) is True
    for after in range(-1, 9):
        page = await store.responses.wait_events("ann", "resp_1", after, 0)
        assert page == EventPage(events(after + 1, 9))
    assert await store.responses.wait_events("ann", "resp_1", 9, 0.05) == EventPage([])


async def test_events_that_are_written_again_are_stored_once(store: Store) -> None:
    await store.responses.create("ann", NEW)
    await store.responses.append_events("ann", "resp_1", events(0, 2))
    await store.responses.append_events("ann", "resp_1", events(1, 4))
    assert await store.responses.wait_events("ann", "resp_1", -1, 0) == EventPage(events(0, 4))


async def test_a_finished_response_is_closed_after_its_last_event(store: Store) -> None:
    await store.responses.create("ann", NEW)
    await store.responses.append_events("ann", "resp_1", events(0, 1))
    assert await store.responses.finish("ann", "resp_1", "completed", DONE, events(2, 3)) is True
    assert await store.responses.wait_events("ann", "resp_1", 0, 5) == EventPage(events(1, 3), is_closed=True)
    assert await store.responses.wait_events("ann", "resp_1", 3, 5) == EventPage([], is_closed=True)
    found = await store.responses.read("ann", "resp_1")
    assert found is not None
    assert (found.status, found.document, found.last_event, found.is_open) == ("completed", DONE, 3, False)


async def test_a_response_can_be_finished_without_any_event(store: Store) -> None:
    await store.responses.create("ann", NEW)
    assert await store.responses.finish("ann", "resp_1", "completed", DONE) is True
    assert await store.responses.wait_events("ann", "resp_1", -1, 5) == EventPage([], is_closed=True)


async def test_the_first_to_finish_wins_and_the_worker_is_told_to_stop(store: Store) -> None:
    await store.responses.create("ann", NEW)
    assert await store.responses.append_events("ann", "resp_1", []) is True
    assert await store.responses.finish("ann", "resp_1", "cancelled", {"status": "cancelled"}) is True
    assert await store.responses.append_events("ann", "resp_1", []) is False
    assert await store.responses.append_events("ann", "resp_1", events(0, 1)) is False
    assert await store.responses.finish("ann", "resp_1", "completed", DONE) is False
    found = await store.responses.read("ann", "resp_1")
    assert found is not None
    assert (found.status, found.document) == ("cancelled", {"status": "cancelled"})


async def test_one_of_many_concurrent_finishes_wins(backend: Backend) -> None:
    one, other = backend.open(), backend.open()
    await one.responses.create("ann", NEW)
    won = await asyncio.gather(
        *(each.responses.finish("ann", "resp_1", "completed", DONE) for each in (one, other) for _ in range(10))
    )
    assert won.count(True) == 1


async def test_a_follower_is_woken_by_another_replicas_write(backend: Backend) -> None:
    writer, reader = backend.open(), backend.open()
    await writer.responses.create("ann", NEW)
    waiting = asyncio.create_task(reader.responses.wait_events("ann", "resp_1", -1, 30))
    await asyncio.sleep(0.1)
    await writer.responses.append_events("ann", "resp_1", events(0, 0))
    assert await asyncio.wait_for(waiting, 10) == EventPage(events(0, 0))
    waiting = asyncio.create_task(reader.responses.wait_events("ann", "resp_1", 0, 30))
    await asyncio.sleep(0.1)
    await writer.responses.finish("ann", "resp_1", "completed", DONE)
    assert await asyncio.wait_for(waiting, 10) == EventPage([], is_closed=True)


async def test_many_followers_see_the_whole_stream_while_it_is_written(backend: Backend) -> None:
    writer, reader = backend.open(), backend.open()
    await writer.responses.create("ann", NEW)

    async def follow() -> list[StoredEvent]:
        seen: list[StoredEvent] = []
        while True:
            after = seen[-1].number if seen else -1
            page = await reader.responses.wait_events("ann", "resp_1", after, 10)
            assert page is not None
            assert not page.is_cut
            seen += page.events
            if page.is_closed:
                return seen

    followers = [asyncio.create_task(follow()) for _ in range(8)]
    for number in range(0, 60, 3):
        await writer.responses.append_events("ann", "resp_1", events(number, number + 2))
        await asyncio.sleep(0)
    await writer.responses.finish("ann", "resp_1", "completed", DONE, events(60, 60))
    for seen in await asyncio.wait_for(asyncio.gather(*followers), 20):
        assert seen == events(0, 60)


async def test_a_follower_that_is_cancelled_leaves_the_store_in_order(store: Store) -> None:
    await store.responses.create("ann", NEW)
    for _ in range(5):
        waiting = asyncio.create_task(store.responses.wait_events("ann", "resp_1", -1, 30))
        await asyncio.sleep(0.02)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await store.responses.append_events("ann", "resp_1", events(0, 0))
    assert await store.responses.wait_events("ann", "resp_1", -1, 5) == EventPage(events(0, 0))


async def test_a_deleted_response_is_gone_with_its_events(store: Store) -> None:
    await store.responses.create("ann", NEW)
    await store.responses.append_events("ann", "resp_1", events(0, 3))
    assert await store.responses.delete("ann", "resp_1") is True
    assert await store.responses.read("ann", "resp_1") is None
    assert await store.responses.wait_events("ann", "resp_1", -1, 5) is None
    assert await store.responses.delete("ann", "resp_1") is False
    assert await store.responses.open_of("pod-1") == []


async def test_what_a_process_left_open_is_known(store: Store) -> None:
    for name, process in (("a", "pod-1"), ("b", "pod-1"), ("c", "pod-2")):
        await store.responses.create("ann", NewResponse(id=name, at=1.0, document={}, input_items=[], process=process))
    await store.responses.finish("ann", "a", "completed", {})
    assert await store.responses.open_of("pod-1") == [ResponseKey("ann", "b")]
    assert await store.responses.open_of("pod-3") == []


async def test_a_log_that_has_expired_says_so_and_the_answer_stays(backend: Backend) -> None:
    if backend.name == "memory":
        return  # its log goes with the response: nothing is ever cut
    store = backend.open(Retention(events=0.2))
    await store.responses.create("ann", NEW)
    await store.responses.finish("ann", "resp_1", "completed", DONE, events(0, 3))
    await asyncio.sleep(0.4)
    page = await store.responses.wait_events("ann", "resp_1", 1, 5)
    assert page == EventPage([], is_cut=True)
    assert await store.responses.wait_events("ann", "resp_1", 3, 5) == EventPage([], is_closed=True)
    found = await store.responses.read("ann", "resp_1")
    assert found is not None
    assert found.document == DONE


async def test_a_response_is_forgotten_after_its_time(backend: Backend) -> None:
    store = backend.open(Retention(responses=0.2))
    await store.responses.create("ann", NEW)
    await asyncio.sleep(0.4)
    assert await store.responses.read("ann", "resp_1") is None
    assert await store.responses.append_events("ann", "resp_1", events(0, 0)) is False
    assert await store.responses.open_of("pod-1") == []
