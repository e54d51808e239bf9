"""Tries, queue and reconnection: what every wrapped method goes through."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar
from weakref import WeakValueDictionary

from msgspec import Struct

from llmgateway.storage.errors import StoreFull, StoreUnavailable
from llmgateway.storage.records import Health
from llmgateway.storage.resilient.write_queue import Subject, Write, WriteQueue

Result = TypeVar("Result")
log = logging.getLogger(__name__)

FIRST_PAUSE = 0.1
"""Seconds before the second try to reach a store that went away; it doubles from there."""
TOGETHER = 32
"""Queued writes, each on another subject, that are made at the same time."""
LAST_TRY = 2.0
"""Seconds that a closing store gives its queue."""


class GuardSettings(Struct, frozen=True, kw_only=True):
    """`attempts`: tries of one command. `max_backoff`: seconds. `queue` and `queue_bytes` bound what waits."""

    attempts: int = 3
    max_backoff: float = 30.0
    queue: int = 10_000
    queue_bytes: int = 64 * 1024 * 1024


class Guard:
    """One store's state as this process sees it."""

    def __init__(
        self, ping: Callable[[], Awaitable[None]], settings: GuardSettings, clock: Callable[[], float]
    ) -> None:
        self._ping = ping
        self._settings = settings
        self._clock = clock
        self.queue = WriteQueue(settings.queue, settings.queue_bytes)
        self._away = False
        self._since: float | None = None
        self._reason = ""
        self._recovery: asyncio.Task[None] | None = None
        self._turns: WeakValueDictionary[Subject, asyncio.Lock] = WeakValueDictionary()

    def health(self) -> Health:
        return Health(
            state="ok" if self._since is None else "degraded",
            since=self._since,
            reason=self._reason,
            queued=len(self.queue),
            queued_bytes=self.queue.bytes,
            dropped=self.queue.dropped,
        )

    async def read(self, subject: Subject, ask: Callable[[], Awaitable[Result]]) -> Result:
        """The store's answer. Raises StoreUnavailable, at once while the store is away or a write on the same subject
        waits (its answer would be an older truth)."""
        if self._away:
            raise StoreUnavailable(self._reason)
        if self.queue.concerns(subject):
            raise StoreUnavailable("a write on this waits to be stored")
        return await self._tried(ask)

    async def write(
        self, subject: Subject, payload: object, make: Callable[[], Awaitable[Result]], otherwise: Result
    ) -> Result:
        """The result of `make`, or `otherwise` when the write was queued. Writes on one subject go one by one."""
        async with self._turns.setdefault(subject, asyncio.Lock()):
            if not self.waits(subject):
                try:
                    return await self._tried(make)
                except StoreUnavailable as error:
                    self._degrade(error)
            self.queue.add(Write(subject, make, payload))
            return otherwise

    def waits(self, subject: Subject) -> bool:
        """Whether a write on this subject would be queued: it may overtake others, but none on the same subject. If
        everything waited for the queue, a busy gateway's would grow faster than it is written."""
        return self._away or self.queue.concerns(subject)

    async def close(self) -> None:
        """The queue gets one last try; what is left is counted as lost."""
        if self._recovery is not None:
            self._recovery.cancel()
            await asyncio.gather(self._recovery, return_exceptions=True)
        try:
            async with asyncio.timeout(LAST_TRY):
                await self._write_queued()
        except (StoreUnavailable, TimeoutError):
            log.warning("The store is away at the end: %d writes are lost.", len(self.queue))

    async def _tried(self, ask: Callable[[], Awaitable[Result]]) -> Result:
        for attempt in range(1, self._settings.attempts + 1):
            try:
                return await ask()
            except StoreFull:
                raise  # a full store stays full for the next milliseconds
            except StoreUnavailable as error:
                if self._away or attempt == self._settings.attempts:
                    self._away = True
                    self._degrade(error)
                    raise
                await asyncio.sleep(random.uniform(0.01, 0.05) * attempt)
        raise AssertionError("attempts is at least 1")

    def _degrade(self, error: StoreUnavailable) -> None:
        if self._since is None:
            self._since = self._clock()
            log.warning("The store is degraded: %s. Requests go on, writes wait.", error)
        self._reason = str(error)
        if self._recovery is None or self._recovery.done():
            self._recovery = asyncio.create_task(self._recover())

    async def _recover(self) -> None:
        pause = FIRST_PAUSE
        while True:
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            try:
                await self._ping()
                self._away = False
                await self._write_queued()
                if not self._away:  # somebody else may have met the next failure meanwhile
                    break
            except StoreUnavailable as error:
                self._away = not isinstance(error, StoreFull)
                self._reason = str(error)
                pause = min(pause * 2, self._settings.max_backoff)
        log.info("The store is back: what waited is written; %d writes were lost so far.", self.queue.dropped)
        self._since, self._reason = None, ""

    async def _write_queued(self) -> None:
        """Oldest first, until none is left. Raises StoreUnavailable."""
        while self.queue:
            try:
                made = [self._write_one(write) for write in self.queue.take(TOGETHER)]
                results = await asyncio.gather(*made, return_exceptions=True)
            finally:
                self.queue.put_back()
            for result in results:
                if result is not None:
                    raise result

    async def _write_one(self, write: Write) -> None:
        try:
            await write.make()
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("A queued write was refused and is lost.")
            self.queue.lost(write)
        else:
            self.queue.done(write)
