"""The limit for an upstream that takes a request too slowly (backends[].timeouts.write)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from llmgateway.upstreams.port import UpstreamTimedOut


class WriteWatch:
    """Around the wait for an answer: reports when `limit` seconds pass in which a connection takes nothing of what is
    still to be written."""

    def __init__(self, left: Callable[[], int], limit: float, report: Callable[[UpstreamTimedOut], None]) -> None:
        self._left = left
        self._limit = limit
        self._report = report

    def __enter__(self) -> None:
        self._look_again(self._left())

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()

    def _look_again(self, left: int) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._limit, self._look, left)

    def _look(self, before: int) -> None:
        left = self._left()
        if left >= before:
            self._report(UpstreamTimedOut("it took nothing of the request within backends[].timeouts.write"))
        elif left:
            self._look_again(left)
