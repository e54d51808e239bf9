"""Random histories of calls: SQLite and Valkey answer as memory does."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmgateway.storage.memory import MemoryStore
from llmgateway.storage.port import Store
from llmgateway.storage.records import (
    ConversationPage,
    NewResponse,
    SessionKey,
    SessionTurn,
    StoredEvent,
    Suspension,
    Turn,
)
from llmgateway.storage.sqlite import SqliteStore
from llmgateway.storage.valkey import ValkeyStore
from support.valkey_server import ValkeyServer

pytestmark = pytest.mark.behaviour("S1", "S3")

owners, names, ids = st.sampled_from(["ann", "b:b"]), st.sampled_from(["x", "y{"]), st.sampled_from(["1", "2", "3"])
times = st.integers(1, 50).map(float)
texts = st.text(max_size=5)
responses = st.sampled_from(["r", "s"])
statuses = st.sampled_from(["completed", "cancelled"])


def _events(first: int, count: int) -> list[StoredEvent]:
    return [StoredEvent(first + number, b"%d" % (first + number)) for number in range(count)]


def _turn(name: str, at: float, text: str) -> Turn:
    return Turn(id=name, at=at, messages=[{"role": "user", "content": text}])


def _session_turn(name: str, at: float, number: int) -> SessionTurn:
    return SessionTurn(id=name, at=at, counters={"n": number}, peaks={"p": number / 3}, facts={"f": [number]})


def _new(name: str) -> NewResponse:
    return NewResponse(id=name, at=1.0, document={"n": name}, input_items=[], process="pod")


sessions = st.builds(SessionKey, owners, names)
session_turns = st.builds(_session_turn, ids, times, st.integers(-5, 5))
event_runs = st.builds(_events, st.integers(0, 4), st.integers(0, 3))

calls = st.one_of(
    st.tuples(st.just("conversations.append"), owners, names, st.builds(_turn, ids, times, texts)),
    st.tuples(st.just("conversations.describe"), owners, names, st.dictionaries(texts, texts, max_size=2), times),
    st.tuples(st.just("conversations.read"), owners, names),
    st.tuples(st.just("conversations.delete"), owners, names),
    st.tuples(st.just("conversations.page"), owners),
    st.tuples(st.just("responses.create"), owners, st.builds(_new, responses)),
    st.tuples(st.just("responses.append_events"), owners, responses, event_runs),
    st.tuples(st.just("responses.finish"), owners, responses, statuses, st.just({"end": True})),
    st.tuples(st.just("responses.wait_events"), owners, responses, st.integers(-1, 5), st.just(0)),
    st.tuples(st.just("responses.read"), owners, responses),
    st.tuples(st.just("responses.delete"), owners, responses),
    st.tuples(st.just("responses.open_of"), st.just("pod")),
    st.tuples(st.just("sessions.note"), sessions, st.just("pod"), session_turns),
    st.tuples(st.just("sessions.begin"), sessions, st.just("pod"), times),
    st.tuples(st.just("sessions.read"), sessions),
    st.tuples(st.just("sessions.active_since"), st.just("pod"), times),
    st.tuples(st.just("sessions.suspend"), sessions, st.builds(Suspension, texts, times)),
    st.tuples(st.just("sessions.suspension"), sessions),
)  # fmt: skip
histories = st.lists(calls, max_size=40)
EXAMPLES = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


async def _answer(store: Store, call: tuple[Any, ...]) -> object:
    part, method = call[0].split(".")
    answer = await getattr(getattr(store, part), method)(*call[1:])
    if isinstance(answer, ConversationPage):  # the order of those of one time is nobody's promise
        return sorted(answer.items, key=lambda each: (each.updated, each.id))
    return sorted(answer) if isinstance(answer, list) else answer


async def _compare(store: Store, history: list[tuple[Any, ...]]) -> None:
    model = MemoryStore()
    for call in history:
        assert await _answer(store, call) == await _answer(model, call), call


@asynccontextmanager
async def _closing(store: Store) -> AsyncIterator[Store]:
    try:
        yield store
    finally:
        await store.close()


@EXAMPLES
@given(histories)
def test_sqlite_answers_as_memory_does(history: list[tuple[Any, ...]]) -> None:
    async def run() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with _closing(SqliteStore(Path(folder) / "state.db")) as store:
                await _compare(store, history)

    asyncio.run(run())


@EXAMPLES
@given(histories)
def test_valkey_answers_as_memory_does(valkey_server: ValkeyServer, history: list[tuple[Any, ...]]) -> None:
    async def run() -> None:
        valkey_server.flush()
        async with _closing(ValkeyStore(valkey_server.url)) as store:
            await _compare(store, history)

    asyncio.run(run())
