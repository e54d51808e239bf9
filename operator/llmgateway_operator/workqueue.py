"""The work queue: keys only, each at most once in the queue and in one worker at a time.

A key that is added while a worker has it is worked again afterwards: no change is lost, however many come. Failures
are tried again after a growing pause with jitter, alone: one broken object delays no other. Changes go before routine,
that is, before first and full looks at everything: who edits one of a thousand objects does not wait for the others.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from itertools import count
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
        self._ready: asyncio.PriorityQueue[tuple[bool, int, Key]] = asyncio.PriorityQueue()
        self._numbers = count()
        self._waiting: dict[Key, bool] = {}
        self._working: set[Key] = set()
        self._again: dict[Key, bool] = {}
        self._timers: dict[Key, asyncio.TimerHandle] = {}
        self._routine_timers: set[Key] = set()
        self._failures: dict[Key, int] = {}
        self.done = 0
        self.failed = 0

    def add(self, key: Key, *, routine: bool = False) -> None:
        """As soon as a worker is free; `routine` after everything that is none."""
        if key in self._working:
            self._again[key] = routine and self._again.get(key, True)
        elif key not in self._waiting or (self._waiting[key] and not routine):
            self._waiting[key] = routine
            self._ready.put_nowait((routine, next(self._numbers), key))

    def add_after(self, key: Key, seconds: float, *, routine: bool = False) -> None:
        """Later; the earlier one of two dates counts."""
        loop = asyncio.get_running_loop()
        known = self._timers.get(key)
        if not routine:
            self._routine_timers.discard(key)
        elif known is None:
            self._routine_timers.add(key)
        if known is None or known.when() > loop.time() + seconds:
            if known is not None:
                known.cancel()
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
            routine, _, key = await self._ready.get()
            if self._waiting.get(key) is not routine:
                continue  # it came again, and not as routine
            del self._waiting[key]
            self._working.add(key)
            self._cancel(key)
            try:
                await self._one(key, reconcile)
            finally:
                self._working.discard(key)
                if key in self._again:
                    self.add(key, routine=self._again.pop(key))

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
        routine = key in self._routine_timers
        self._forget_timer(key)
        self.add(key, routine=routine)

    def _cancel(self, key: Key) -> None:
        if timer := self._timers.get(key):
            timer.cancel()
        self._forget_timer(key)

    def _forget_timer(self, key: Key) -> None:
        self._timers.pop(key, None)
        self._routine_timers.discard(key)
