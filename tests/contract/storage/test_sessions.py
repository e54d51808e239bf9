"""Sessions, suspensions and process marks: what every store must do (W7, H2)."""

from __future__ import annotations

import asyncio

import pytest

from llmgateway.storage.port import Store
from llmgateway.storage.records import (
    SESSION_ENTRIES,
    Beginning,
    Retention,
    SessionKey,
    SessionTurn,
    SilentProcess,
    Suspension,
)

from .conftest import Backend

pytestmark = pytest.mark.behaviour("W7", "H2", "S3")

KEY = SessionKey("ann", "s:1")


def turn(name: str, at: float = 1000.0, tokens: int = 10) -> SessionTurn:
    return SessionTurn(
        id=name,
        at=at,
        counters={"turns": 1, "tokens": tokens},
        peaks={"used": tokens / 4},
        facts={"level": "HIGH", "window": tokens, "tools": []},
        entry={"tokens": tokens},
    )


async def test_figures_of_turns_meet_each_in_its_own_way(store: Store) -> None:
    await store.sessions.note(KEY, "pod-1", turn("a", 1000.0, 10))
    await store.sessions.note(KEY, "pod-2", turn("b", 1002.0, 40))
    await store.sessions.note(KEY, "pod-1", turn("c", 1001.0, 20))
    found = await store.sessions.read(KEY)
    assert found is not None
    assert (found.id, found.started, found.active) == ("s:1", 1000.0, 1002.0)
    assert found.counters == {"turns": 3, "tokens": 70}
    assert found.peaks == {"used": 10.0}
    assert found.facts == {"level": "HIGH", "window": 20, "tools": []}
    assert found.entries == [{"tokens": 10}, {"tokens": 40}, {"tokens": 20}]


async def test_a_turn_that_is_noted_again_counts_once(store: Store) -> None:
    await store.sessions.note(KEY, "pod-1", turn("a"))
    await store.sessions.note(KEY, "pod-1", turn("a"))
    found = await store.sessions.read(KEY)
    assert found is not None
    assert (found.counters["turns"], len(found.entries)) == (1, 1)


async def test_concurrent_turns_of_two_replicas_are_all_counted(backend: Backend) -> None:
    replicas = [backend.open(), backend.open()]
    await asyncio.gather(
        *(replicas[number % 2].sessions.note(KEY, "pod", turn(str(number), tokens=number)) for number in range(30))
    )
    found = await replicas[0].sessions.read(KEY)
    assert found is not None
    assert found.counters == {"turns": 30, "tokens": sum(range(30))}
    assert found.peaks == {"used": 29 / 4}


async def test_the_newest_entries_are_kept_and_no_more(store: Store) -> None:
    for number in range(SESSION_ENTRIES + 6):
        await store.sessions.note(KEY, "pod", turn(str(number), tokens=number))
    found = await store.sessions.read(KEY)
    assert found is not None
    assert [entry["tokens"] for entry in found.entries] == list(range(6, SESSION_ENTRIES + 6))
    assert found.counters["turns"] == SESSION_ENTRIES + 6


async def test_a_session_is_known_before_its_first_turn_ended(store: Store) -> None:
    assert await store.sessions.begin(KEY, "pod-1", 1000.0) == Beginning()
    found = await store.sessions.read(KEY)
    assert found is not None
    assert (found.started, found.active, found.counters, found.entries) == (1000.0, 1000.0, {}, [])


async def test_another_owners_session_is_absent(store: Store) -> None:
    await store.sessions.note(KEY, "pod", turn("a"))
    await store.sessions.suspend(KEY, Suspension("stop", 1.0))
    theirs = SessionKey("bob", "s:1")
    assert await store.sessions.read(theirs) is None
    assert await store.sessions.begin(theirs, "pod", 1001.0) == Beginning()
    assert await store.sessions.suspension(KEY) is not None


async def test_a_turn_begins_with_what_the_turns_before_it_left(store: Store) -> None:
    await store.sessions.note(KEY, "pod-1", turn("a"))
    before = await store.sessions.read(KEY)
    assert await store.sessions.begin(KEY, "pod-2", 1005.0) == Beginning(before)
    found = await store.sessions.read(KEY)
    assert found is not None
    assert (found.started, found.active, found.counters["turns"]) == (1000.0, 1005.0, 1)
    assert await store.sessions.active_since("pod-2", 1005.0) == [KEY]


async def test_what_a_turn_began_with_does_not_change_under_it(store: Store) -> None:
    await store.sessions.note(KEY, "pod", turn("a"))
    begun = await store.sessions.begin(KEY, "pod", 1001.0)
    await store.sessions.note(KEY, "pod", turn("b", tokens=50))
    assert begun.known is not None
    assert (begun.known.counters, begun.known.peaks) == ({"turns": 1, "tokens": 10}, {"used": 2.5})
    assert (begun.known.facts["window"], begun.known.entries) == (10, [{"tokens": 10}])


async def test_a_suspended_session_begins_anew(store: Store) -> None:
    await store.sessions.note(KEY, "pod-1", turn("a"))
    await store.sessions.suspend(KEY, Suspension("stop", 1.0))
    assert await store.sessions.begin(KEY, "pod-2", 2000.0) == Beginning(None, Suspension("stop", 1.0))
    await store.sessions.note(KEY, "pod-2", turn("b", at=2000.0))
    found = await store.sessions.read(KEY)
    assert found is not None
    assert (found.started, found.counters["turns"], len(found.entries)) == (2000.0, 1, 1)
    assert await store.sessions.active_since("pod-1", 1000.0) == [KEY]  # a crash of that one still concerns it


async def test_a_session_is_forgotten_after_quiet(backend: Backend) -> None:
    store = backend.open(Retention(sessions=0.2))
    await store.sessions.note(KEY, "pod", turn("a"))
    await store.sessions.suspend(KEY, Suspension("stop", 1.0))
    await asyncio.sleep(0.4)
    assert await store.sessions.read(KEY) is None
    assert await store.sessions.suspension(KEY) is None
    assert await store.sessions.active_since("pod", 0.0) == []


async def test_the_sessions_of_a_process_are_those_since_a_time(store: Store) -> None:
    for owner, name, process, at in (
        ("ann", "old", "pod-1", 1000.0), ("ann", "new", "pod-1", 1120.5), ("bob", "new", "pod-1", 1121.0),
        ("bob", "other", "pod-2", 1130.0),
    ):  # fmt: skip
        await store.sessions.begin(SessionKey(owner, name), process, at)
    found = await store.sessions.active_since("pod-1", 1120.5)
    assert sorted(found) == [SessionKey("ann", "new"), SessionKey("bob", "new")]
    assert await store.sessions.active_since("pod-3", 0.0) == []


async def test_a_suspension_is_taken_by_exactly_one_request(backend: Backend) -> None:
    one, other = backend.open(), backend.open()
    await one.sessions.suspend(KEY, Suspension("the gateway crashed: ä", 1000.25))
    await other.sessions.suspend(KEY, Suspension("stopped", 1001.0))
    assert await other.sessions.suspension(KEY) == Suspension("the gateway crashed: ä", 1000.25)
    begun = await asyncio.gather(*(each.sessions.begin(KEY, "pod", 1002.0) for each in (one, other) for _ in range(5)))
    assert [each.suspension for each in begun if each.suspension] == [Suspension("the gateway crashed: ä", 1000.25)]
    assert await one.sessions.suspension(KEY) is None


async def test_a_crash_is_told_from_a_clean_end(store: Store) -> None:
    processes = store.processes
    assert await processes.begin("pod-1", 1000.0) is None
    await processes.beat("pod-1", 1010.5)
    assert await processes.begin("pod-1", 1020.0) == 1010.5
    await processes.end("pod-1")
    assert await processes.begin("pod-1", 1030.0) is None


async def test_a_silent_process_is_handed_to_one_replica_only(backend: Backend) -> None:
    one, other = backend.open(), backend.open()
    for name, beat in (("pod-1", 1000.25), ("pod-2", 1060.0), ("pod-3", 1001.0)):
        await one.processes.begin(name, beat)
    claimed = await asyncio.gather(*(each.processes.claim_silent(1060.0) for each in (one, other)))
    assert sorted((each.name, each.last_beat) for claim in claimed for each in claim) == [
        ("pod-1", 1000.25), ("pod-3", 1001.0)
    ]  # fmt: skip
    assert await one.processes.claim_silent(1061.0) == [SilentProcess("pod-2", 1060.0)]
