"""The work queue: keys only, each at most once in the queue and in one worker at a time.

A key that is added while a worker has it is worked again afterwards: no change is lost, however many come. Failures are
tried again after a growing pause with jitter, alone: one broken object delays no other.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final

from llmgateway_operator.cluster.errors import ClusterError
from llmgateway_operator.keys import Key

FIRST_PAUSE: Final = 0.05  # seconds after the first failure
LONGEST_PAUSE: Final = 300.0  # seconds
JITTER: Final = 0.2  # part of a pause

log = logging.getLogger(__name__)

Work = Callable[[Key], Awaitable[float | None]]
"""Reconciles one key; an answer in seconds asks for another look then. Raises ClusterError to be tried again."""


class Workqueue:
    """Needs a running event loop."""

    def __init__(self) -> None:
        self._ready: asyncio.Queue[Key] = asyncio.Queue()
        self._waiting: set[Key] = set()
        self._working: set[Key] = set()
        self._again: set[Key] = set()
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._failures: dict[Key, int] = {}
        self.done = 0
        self.failed = 0

    def add(self, key: Key) -> None:
        """As soon as a worker is free."""
        if key in self._working:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.put_nowait(key)

    def add_after(self, key: Key, seconds: float) -> None:
        """Later; the earlier one of two dates counts."""
        loop = asyncio.get_running_loop()
        known = self._timers.get(key)
        if known is None or known.when() > loop.time() + seconds:
            self._cancel(key)
            self._timers[key] = loop.call_later(seconds, self._due, key)

    def depth(self) -> int:
        """Keys that wait for a worker now."""
        return len(self._waiting)

    def idle(self) -> bool:
        """Whether nothing waits and nothing is being worked."""
        return not self._waiting and not self._working

    async def work(self, reconcile: Work, workers: int) -> None:
        """Never returns; cancel it to stop."""
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._worker(reconcile))

    async def _worker(self, reconcile: Work) -> None:
        while True:
            key = await self._ready.get()
            self._waiting.discard(key)
            self._working.add(key)
            self._cancel(key)
            try:
                await self._one(key, reconcile)
            finally:
                self._working.discard(key)
                if key in self._again:
                    self._again.discard(key)
                    self.add(key)

    async def _one(self, key: Key, reconcile: Work) -> None:
        try:
            look_again = await reconcile(key)
        except ClusterError as failure:
            self._retry(key, str(failure), failure.retry_after)
        except Exception as defect:  # a defect in one object's path must not stop the others
            log.exception("%s: reconciliation failed", key)
            self._retry(key, type(defect).__name__, None)
        else:
            self.done += 1
            self._failures.pop(key, None)
            if look_again is not None:
                self.add_after(key, look_again)

    def _retry(self, key: Key, why: str, at_least: float | None) -> None:
        self.failed += 1
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        pause = max(min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE), at_least or 0)
        pause *= 1 + random.uniform(0, JITTER)
        log.warning("%s: %s; again in %.1f s", key, why, pause)
        self.add_after(key, pause)

    def _due(self, key: Key) -> None:
        self._timers.pop(key, None)
        self.add(key)

    def _cancel(self, key: Key) -> None:
        if timer := self._timers.pop(key, None):
            timer.cancel()
