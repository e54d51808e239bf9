"""Where the time of one request went, for `Server-Timing` (W3C) and the stage histogram.

A mark is one clock reading and one list append: cheap enough to be always on.
"""

from __future__ import annotations

from time import perf_counter

_HUNDREDTHS = tuple(f".{number:02d}" for number in range(100))
"""Formatting a float costs several times more than a look-up."""


class Stages:
    """Named marks of one request; each stage lasts from the mark before it to its own."""

    __slots__ = ("_before", "_durations", "_texts", "started")

    def __init__(self) -> None:
        self.started = self._before = perf_counter()
        self._durations: list[tuple[str, float]] = []
        self._texts: list[str] = []

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
        for stage, seconds in self._durations[len(self._texts) :]:  # the log line repeats what the header said
            hundredths = int(seconds * 100_000)
            self._texts.append(f"{stage};dur={hundredths // 100}{_HUNDREDTHS[hundredths % 100]}")
        return ", ".join(self._texts)

    def elapsed(self) -> float:
        """Seconds since the request began."""
        return perf_counter() - self.started
