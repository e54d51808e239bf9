"""The limit for an upstream that says nothing (backends[].timeouts.read): one timer for all answers of a backend."""

from __future__ import annotations

import asyncio
import math
from typing import Final, Protocol

from llmgateway.upstreams.port import UpstreamBroke, UpstreamError, UpstreamTimedOut

LONGEST_TICK: Final = 1.0
"""Seconds between two looks, at most: a broken connection whose reader nobody told is seen by then."""
TICKS_IN_LIMIT: Final = 10


class Awaited(Protocol):
    """An answer that somebody may wait for. `waiting_since`: the tick at which the wait began, None: nobody waits."""

    waiting_since: int | None

    def is_broken(self) -> bool:
        """Nothing can come any more."""
        ...

    def fail(self, error: UpstreamError) -> None:
        """Raises in the wait."""
        ...


class SilenceWatch:
    """Ends waits of more than `limit` seconds, a tenth more at most. Time is counted in ticks: a wait begins and ends
    with every token, and then costs an assignment."""

    def __init__(self, limit: float) -> None:
        self.tick = 0
        self._interval = min(LONGEST_TICK, limit / TICKS_IN_LIMIT)
        self._limit = math.ceil(limit / self._interval)
        self._answers: set[Awaited] = set()
        self._timer: asyncio.TimerHandle | None = None

    def add(self, answer: Awaited) -> None:
        """Looks at this one as well."""
        self._answers.add(answer)
        if self._timer is None:
            self._start(asyncio.get_running_loop())

    def discard(self, answer: Awaited) -> None:
        """It has ended."""
        self._answers.discard(answer)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(self._interval, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        self.tick += 1
        for answer in [each for each in self._answers if each.waiting_since is not None]:
            self._look_at(answer, self.tick - (answer.waiting_since or 0))
        if self._answers:
            self._start(loop)

    def _look_at(self, answer: Awaited, waited: int) -> None:
        if answer.is_broken():
            answer.fail(UpstreamBroke("the connection ended, or what came on it is not HTTP"))
        elif waited > self._limit:
            answer.fail(UpstreamTimedOut("nothing came within backends[].timeouts.read"))
