"""What happens to requests when the local file can't be used (S3)."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from llmgateway.storage.errors import StoreFull, StoreUnavailable
from llmgateway.storage.records import SessionKey, SessionTurn
from llmgateway.storage.resilient import GuardSettings, ResilientStore
from llmgateway.storage.sqlite import SqliteStore

from .test_conversations import turn

pytestmark = pytest.mark.behaviour("S3")

QUICK = GuardSettings(max_backoff=0.2)
SESSION = SessionKey("ann", "s")


async def until_ok(store: ResilientStore) -> None:
    async with asyncio.timeout(20):
        while store.health().state != "ok":
            await asyncio.sleep(0.02)


async def test_a_full_disk_degrades_and_what_waited_is_written_when_there_is_room(tmp_path: Path) -> None:
    file = SqliteStore(tmp_path / "state.db", max_bytes=400_000)
    store = ResilientStore(file, QUICK)
    await store.conversations.append("ann", "first", turn("a"))
    await store.sessions.note(SESSION, "pod", SessionTurn(id="0", at=1.0))
    for number in range(10):
        await store.conversations.append("ann", "big", turn(str(number), model="x" * 100_000))
    assert store.health().state == "degraded"
    assert store.health().queued > 0
    assert await store.conversations.read("ann", "first") is not None
    begun = await store.sessions.begin(SESSION, "pod", 2.0)
    assert begun.known is not None
    with pytest.raises(StoreUnavailable):
        await store.conversations.read("ann", "big")
    with pytest.raises(StoreFull):
        await file.conversations.append("ann", "big", turn("again", model="x" * 400_000))
    with sqlite3.connect(tmp_path / "state.db") as other:  # somebody makes room
        other.execute("PRAGMA foreign_keys = ON")
        other.execute("DELETE FROM conversations WHERE id = 'big'")
    waiting = store.health().queued
    async with asyncio.timeout(20):
        while store.health().queued == waiting:
            await asyncio.sleep(0.02)
    await store.close()


async def test_a_disk_that_is_full_from_the_start_is_no_crash(tmp_path: Path) -> None:
    store = ResilientStore(SqliteStore(tmp_path / "state.db", max_bytes=4096), QUICK)
    await store.conversations.append("ann", "c", turn("a"))
    assert (store.health().state, store.health().queued) == ("degraded", 1)
    with pytest.raises(StoreUnavailable):
        await store.conversations.read("ann", "c")
    await store.close()


async def test_a_file_that_is_no_database_is_no_crash_and_stays_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    file.write_bytes(b"this is somebody's letter, not a database" * 100)
    before = file.read_bytes()
    store = ResilientStore(SqliteStore(file), QUICK)
    await store.conversations.append("ann", "c", turn("a"))
    assert store.health().state == "degraded"
    assert file.read_bytes() == before
    file.unlink()
    await until_ok(store)
    assert await store.conversations.read("ann", "c") is not None
    await store.close()


async def test_a_folder_that_cannot_be_made_is_no_crash(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = ResilientStore(SqliteStore(tmp_path / "file" / "state.db"), QUICK)
    await store.conversations.append("ann", "c", turn("a"))
    assert (store.health().state, store.health().queued) == ("degraded", 1)
    (tmp_path / "file").unlink()
    await until_ok(store)
    assert await store.conversations.read("ann", "c") is not None
    await store.close()


async def test_a_writer_that_holds_the_file_for_long_only_delays(tmp_path: Path) -> None:
    store = ResilientStore(SqliteStore(tmp_path / "state.db"), QUICK)
    await store.conversations.append("ann", "c", turn("a"))
    other = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    await store.conversations.append("ann", "c", turn("b"))
    assert store.health().queued == 1
    other.execute("ROLLBACK")
    other.close()
    await until_ok(store)
    found = await store.conversations.read("ann", "c")
    assert found is not None
    assert [each.id for each in found.turns] == ["a", "b"]
    await store.close()


async def test_a_file_of_a_newer_gateway_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "state.db") as newer:
        newer.execute("PRAGMA user_version = 1000")
    store = SqliteStore(tmp_path / "state.db")
    with pytest.raises(StoreUnavailable, match="newer gateway"):
        await store.conversations.append("ann", "c", turn("a"))
    await store.close()


async def test_conversations_survive_a_restart_and_only_their_owner_may_read_the_file(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = SqliteStore(tmp_path / "folder" / "state.db")
        await store.conversations.append("ann", "c", turn("a"))
        modes = [stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "folder").iterdir()]
        await store.close()
    finally:
        os.umask(before)
    assert modes == [0o600] * 3  # the file, its log, and the log's index
    again = SqliteStore(tmp_path / "folder" / "state.db")
    assert await again.conversations.read("ann", "c") is not None
    await again.close()
