"""Where the time of one request went, for `Server-Timing` (W3C) and the stage histogram.

A mark is one clock reading and one list append: cheap enough to be always on.
"""

from __future__ import annotations

from time import perf_counter


class Stages:
    """Named marks of one request; each stage lasts from the mark before it to its own."""

    __slots__ = ("_before", "_durations", "started")

    def __init__(self) -> None:
        self.started = self._before = perf_counter()
        self._durations: list[tuple[str, float]] = []

    def mark(self, stage: str) -> None:
        """The stage ends here."""
        now = perf_counter()
        self._durations.append((stage, now - self._before))
        self._before = now

    def durations(self) -> list[tuple[str, float]]:
        """(stage, seconds) in order."""
        return self._durations

    def header(self) -> str:
        """The value of `Server-Timing`, milliseconds."""
        return ", ".join([f"{stage};dur={seconds * 1000:.2f}" for stage, seconds in self._durations])

    def elapsed(self) -> float:
        """Seconds since the request began."""
        return perf_counter() - self.started
