"""Two gateway processes write to one conversation at once: nothing is lost, each one's order is kept (S1)."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from llmgateway.storage.port import Store
from llmgateway.storage.resilient import GuardSettings, ResilientStore
from llmgateway.storage.sqlite import SqliteStore
from llmgateway.storage.valkey import ValkeyStore
from support.valkey_server import ValkeyServer

TURNS = 200
WRITER = Path(__file__).with_name("write_turns.py")


def start_writers(location: str, turns: int = TURNS) -> list[subprocess.Popen[bytes]]:
    return [subprocess.Popen([sys.executable, str(WRITER), location, name, str(turns)]) for name in ("a", "b")]


def finish(writers: list[subprocess.Popen[bytes]]) -> None:
    for writer in writers:
        assert writer.wait(60) == 0


async def check(store: Store, turns: int = TURNS) -> None:
    found = await store.conversations.read("ann", "c")
    await store.close()
    assert found is not None
    order = [each.id for each in found.turns]
    for name in ("a", "b"):
        assert [each for each in order if each.startswith(name)] == [f"{name}{number}" for number in range(turns)]
    assert len(order) == 2 * turns
    assert order != sorted(order, key=lambda name: name[0])  # they really met


@pytest.mark.behaviour("S1")
def test_two_processes_on_one_valkey(own_server: ValkeyServer) -> None:
    finish(start_writers(own_server.url))
    asyncio.run(check(ValkeyStore(own_server.url)))


@pytest.mark.behaviour("S1", "S3")
def test_two_processes_on_one_file(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    finish(start_writers(str(file)))
    asyncio.run(check(SqliteStore(file)))


@pytest.mark.behaviour("S1", "S2")
def test_two_processes_on_a_valkey_that_is_killed_and_paused_meanwhile(tmp_path: Path) -> None:
    with ValkeyServer(tmp_path, persistent=True) as server:
        writers = start_writers(server.url, 1000)
        for _ in range(3):
            time.sleep(0.5)
            server.restart()
            time.sleep(0.5)
            server.pause()
            time.sleep(1.0)
            server.resume()
        finish(writers)
        asyncio.run(check(ResilientStore(ValkeyStore(server.url), GuardSettings()), 1000))
