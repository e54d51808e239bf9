"""The sessions of one backend: some untouched and warm, some kept for a conversation, some busy.

A session serves one conversation. Given back, it either dies or is kept under the digest of that very conversation:
only a request that brings the same history may have it again. Half of the places at most hold kept sessions.

    untouched --acquire--> busy --release(None)--> killed, replaced in the background
                            busy --release(digest)--> kept --acquire(digest)--> busy
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from msgspec import Struct

from llmgateway.upstreams.claude_agent.session import Session
from llmgateway.upstreams.port import ConnectFailed

logger = logging.getLogger(__name__)

LOOK_EVERY = 1.0
"""Seconds between two looks at the sessions that wait."""
SPAWN_GAP = 0.1
"""Seconds between two starts in the background: a start costs about half a second of one core."""
EARLY = 5.0
"""A session that dies untouched within so many seconds could not start."""
LONGEST_PAUSE = 30.0
CLOSE_WITHIN = 5.0


class PoolLimits(Struct, frozen=True):
    """`size`: processes in all; `idle` and `wait` in seconds."""

    size: int = 4
    idle: float = 300.0
    max_turns: int = 200
    wait: float = 10.0


class Counts(Struct):
    """What happened so far."""

    started: int = 0
    died: int = 0
    recycled: int = 0


class SessionPool:
    """`launch` starts one process. Raises ConnectFailed where a request can't have a session: nothing was sent."""

    def __init__(
        self,
        launch: Callable[[], Awaitable[Session]],
        limits: PoolLimits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self.counts = Counts()
        self.trouble = ""
        """Why the last start failed; empty when it did not."""
        self._launch = launch
        self._clock = clock
        self._untouched: deque[Session] = deque()
        self._kept: OrderedDict[bytes, Session] = OrderedDict()
        self._busy: set[Session] = set()
        self._launching = 0
        self._places = asyncio.Semaphore(limits.size)
        self._wake = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None
        self._watching: set[asyncio.Task[None]] = set()
        self._early_deaths = 0
        self._closed = False

    @property
    def size(self) -> int:
        """Processes now."""
        return len(self._untouched) + len(self._kept) + len(self._busy) + self._launching

    @property
    def processes(self) -> list[int]:
        """Their ids."""
        return [each.pid for each in (*self._untouched, *self._kept.values(), *self._busy)]

    def start(self) -> None:
        """Fills the pool in the background and keeps it so."""
        self._keeping = asyncio.get_running_loop().create_task(self._keep())

    async def acquire(self, conversation: bytes | None = None) -> Session:
        """A live session for one turn: the kept one of this conversation, else an untouched one."""
        try:
            async with asyncio.timeout(self.limits.wait):
                await self._places.acquire()
        except TimeoutError:
            raise ConnectFailed(f"all {self.limits.size} agent sessions are busy") from None
        try:
            session = self._take_kept(conversation) or self._take_untouched() or await self._started()
        except BaseException:
            self._places.release()
            raise
        self._busy.add(session)
        return session

    def release(self, session: Session, keep_as: bytes | None = None, *, died: bool = False) -> None:
        """Gives a session back; `keep_as`: the digest of its conversation. Without one it is killed; `died`: it had
        ended by itself."""
        if session not in self._busy:
            return
        self.counts.died += died
        self._busy.discard(session)
        self._places.release()
        self._early_deaths = 0
        session.turns += 1
        session.last_used = self._clock()
        session.conversation = keep_as
        if keep_as is None or self._closed or not session.alive or session.turns >= self.limits.max_turns:
            self._end(session)
            return
        twin = self._kept.pop(keep_as, None)
        if twin is not None:
            self._end(twin)
        self._kept[keep_as] = session
        while len(self._kept) > self.limits.size // 2:
            self._end(self._kept.popitem(last=False)[1])

    def drop_kept(self) -> None:
        """Ends the kept sessions: what they were opened with (a credential) has changed."""
        while self._kept:
            self._end(self._kept.popitem(last=False)[1])

    async def close(self) -> None:
        """Kills every process, also of running turns, and waits for the ends."""
        self._closed = True
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        for session in (*self._untouched, *self._kept.values(), *self._busy):
            session.kill()
        if self._watching:
            await asyncio.wait(self._watching, timeout=CLOSE_WITHIN)

    def health(self) -> dict[str, Any]:
        """For `GET /health`."""
        return {
            "size": self.limits.size,
            "untouched": len(self._untouched),
            "kept": len(self._kept),
            "busy": len(self._busy),
            "started": self.counts.started,
            "recycled": self.counts.recycled,
            "died": self.counts.died,
        }

    def _take_kept(self, conversation: bytes | None) -> Session | None:
        session = self._kept.pop(conversation, None) if conversation else None
        return session if session is not None and self._usable(session) else None

    def _take_untouched(self) -> Session | None:
        while self._untouched:
            session = self._untouched.popleft()
            if self._usable(session):
                return session
        return None

    def _usable(self, session: Session) -> bool:
        """A dead or stale one is ended, and replaced in the background."""
        alive = session.alive
        if alive and self._clock() - session.last_used <= self.limits.idle:
            return True
        self.counts.died += not alive
        self._end(session)
        return False

    async def _started(self) -> Session:
        """A cold start for a request that waits."""
        if self.size >= self.limits.size and self._kept:
            self._end(self._kept.popitem(last=False)[1])
        return await self._spawn()

    async def _spawn(self) -> Session:
        self._launching += 1
        try:
            session = await self._launch()
        except OSError as error:
            self.trouble = f"the agent can't be started: {error.strerror or type(error).__name__}"
            raise ConnectFailed(self.trouble) from None
        finally:
            self._launching -= 1
        self.trouble = ""
        self.counts.started += 1
        task = asyncio.get_running_loop().create_task(self._watch(session))
        self._watching.add(task)
        task.add_done_callback(self._watching.discard)
        if self._closed:
            session.kill()
            raise ConnectFailed("the gateway is closing")
        return session

    def _end(self, session: Session) -> None:
        session.kill()
        self.counts.recycled += 1
        self._wake.set()

    async def _watch(self, session: Session) -> None:
        """Notices the death of a session that waits."""
        status = await session.ended()
        session.kill()  # what it started, and its folder
        waiting = session in self._untouched or self._kept.get(session.conversation or b"") is session
        if session in self._untouched:
            self._untouched.remove(session)
        elif waiting:
            del self._kept[session.conversation or b""]
        if waiting or session in self._busy:
            self.counts.died += 1
        if waiting and self._clock() - session.born < EARLY:
            self._early_deaths += 1
            logger.warning("an agent session ended by itself with status %d", status)
        self._wake.set()

    async def _keep(self) -> None:
        while True:
            self._wake.clear()
            self._recycle_stale()
            if self.size < self.limits.size:
                with suppress(ConnectFailed):
                    self._untouched.append(await self._spawn())
                await asyncio.sleep(self._pause())
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._wake.wait()

    def _recycle_stale(self) -> None:
        for session in [each for each in self._untouched if self._clock() - each.last_used > self.limits.idle]:
            self._untouched.remove(session)
            self._end(session)
        for key in [key for key, each in self._kept.items() if self._clock() - each.last_used > self.limits.idle]:
            self._end(self._kept.pop(key))

    def _pause(self) -> float:
        trouble = self._early_deaths + bool(self.trouble) * 4
        return min(LONGEST_PAUSE, SPAWN_GAP * 2.0**trouble) if trouble else SPAWN_GAP
