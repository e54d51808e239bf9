"""The pool with real processes that are cheap: `cat` stands where the agent's program would, nobody talks to it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from llmgateway.upstreams.claude_agent.capacity import GATEWAY, SESSION, affordable, memory_limit
from llmgateway.upstreams.claude_agent.launcher import start
from llmgateway.upstreams.claude_agent.pool import PoolLimits, SessionPool
from llmgateway.upstreams.claude_agent.session import Session
from llmgateway.upstreams.port import ConnectFailed


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def pool_of(tmp_path: Path, clock: Clock | None = None, **limits: float) -> AsyncIterator[SessionPool]:
    watch = clock or Clock()

    async def launch() -> Session:
        return Session(await start(Path("/bin/cat"), (), dict(os.environ), tmp_path), tmp_path / "none", watch)

    pool = SessionPool(launch, PoolLimits(**limits), watch)  # type: ignore[arg-type]
    try:
        yield pool
    finally:
        await pool.close()


async def until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + 10
    while not true():
        assert time.monotonic() < ends
        await asyncio.sleep(0.01)


@pytest.mark.behaviour("C1")
async def test_the_pool_is_filled_before_the_first_request(tmp_path: Path) -> None:
    async with pool_of(tmp_path, size=3) as pool:
        pool.start()
        await until(lambda: pool.health()["untouched"] == 3)
        assert pool.size == 3


@pytest.mark.behaviour("C1")
async def test_a_session_goes_to_one_conversation_at_a_time_and_back_only_to_its_own(tmp_path: Path) -> None:
    async with pool_of(tmp_path, size=4) as pool:
        first = await pool.acquire()
        second = await pool.acquire()
        assert first is not second
        pool.release(first, b"conversation-a")
        assert await pool.acquire(b"conversation-b") is not first
        assert await pool.acquire(b"conversation-a") is first
        assert pool.health()["kept"] == 0


async def test_a_session_that_is_not_kept_is_killed(tmp_path: Path) -> None:
    async with pool_of(tmp_path, size=2) as pool:
        session = await pool.acquire()
        pool.release(session)
        await session.ended()
        assert not session.alive


@pytest.mark.behaviour("C1")
async def test_an_idle_session_is_recycled_and_use_is_stamped_on_release(tmp_path: Path) -> None:
    clock = Clock()
    async with pool_of(tmp_path, clock, size=4, idle=300.0) as pool:
        session = await pool.acquire()
        clock.now += 10_000
        pool.release(session, b"a")
        clock.now += 299
        assert await pool.acquire(b"a") is session
        pool.release(session, b"a")
        clock.now += 301
        assert await pool.acquire(b"a") is not session
        assert not session.alive or await session.ended()


@pytest.mark.behaviour("C1")
async def test_a_session_dies_after_its_turns(tmp_path: Path) -> None:
    async with pool_of(tmp_path, size=2, max_turns=200) as pool:
        session = await pool.acquire()
        for _ in range(199):
            pool.release(session, b"a")
            assert await pool.acquire(b"a") is session
        pool.release(session, b"a")
        assert await pool.acquire(b"a") is not session


@pytest.mark.behaviour("C1")
async def test_a_dead_session_is_never_handed_out_and_is_replaced(tmp_path: Path) -> None:
    async with pool_of(tmp_path, size=2) as pool:
        pool.start()
        await until(lambda: pool.health()["untouched"] == 2)
        before = pool.processes
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        await until(lambda: pool.health()["untouched"] == 2 and not set(before) & set(pool.processes))
        assert pool.counts.died == 2
        session = await pool.acquire()
        assert session.alive and session.pid not in before


@pytest.mark.behaviour("C1")
async def test_a_death_that_the_event_loop_has_not_heard_of_is_noticed(tmp_path: Path) -> None:
    async with pool_of(tmp_path, size=2) as pool:
        session = await pool.acquire()
        pool.release(session, b"a")
        os.kill(session.pid, signal.SIGKILL)
        with suppress(ChildProcessError):  # the event loop's thread was faster
            os.waitid(os.P_PID, session.pid, os.WEXITED | os.WNOWAIT)
        assert await pool.acquire(b"a") is not session
        assert pool.counts.died == 1


async def test_half_of_the_places_at_most_are_kept_and_the_oldest_goes_first(tmp_path: Path) -> None:
    async with pool_of(tmp_path, size=4) as pool:
        sessions = [await pool.acquire() for _ in range(3)]
        for name, session in zip((b"a", b"b", b"c"), sessions, strict=True):
            pool.release(session, name)
        assert pool.health()["kept"] == 2
        assert await pool.acquire(b"a") is not sessions[0]
        assert await pool.acquire(b"c") is sessions[2]


async def test_kept_sessions_make_room_for_a_new_conversation(tmp_path: Path) -> None:
    async with pool_of(tmp_path, size=2) as pool:
        first, second = await pool.acquire(), await pool.acquire()
        pool.release(first, b"a")
        third = await pool.acquire(b"c")
        assert pool.size == 2 and {second, third} != {first}


async def test_who_waits_for_a_session_gets_one_or_is_told(tmp_path: Path) -> None:
    async with pool_of(tmp_path, size=1, wait=0.05) as pool:
        session = await pool.acquire()
        with pytest.raises(ConnectFailed, match="busy"):
            await pool.acquire()
        waiting = asyncio.create_task(pool.acquire())
        await asyncio.sleep(0)
        pool.release(session)
        assert (await waiting).alive


async def test_a_program_that_cannot_start_is_trouble_that_is_told(tmp_path: Path) -> None:
    async def launch() -> Session:
        raise OSError(2, "no such program")

    pool = SessionPool(launch, PoolLimits(size=1))
    with pytest.raises(ConnectFailed, match="no such program"):
        await pool.acquire()
    assert pool.trouble
    await pool.close()


@pytest.mark.behaviour("C1")
def test_the_pool_is_no_larger_than_the_memory_limit_allows(tmp_path: Path) -> None:
    file = tmp_path / "memory.max"
    file.write_text(f"{GATEWAY + 3 * SESSION + 1}\n")
    assert affordable(8, memory_limit((file,))) == 3
    assert affordable(2, memory_limit((file,))) == 2
    file.write_text("max\n")
    assert affordable(8, memory_limit((file,))) == 8
    assert affordable(8, 1) == 1
    assert affordable(8, memory_limit((tmp_path / "none",))) == 8
