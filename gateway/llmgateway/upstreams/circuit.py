"""A circuit breaker per backend, pure: the clock is an argument.

closed --N failures in a row--> open --openFor passed--> half-open --one success--> closed
                                  ^------------ its failure ----------'
"""

from __future__ import annotations


class Circuit:
    """Whether a backend is worth trying; `failures` in a row open it for `open_for` seconds."""

    def __init__(self, failures: int = 5, open_for: float = 30.0) -> None:
        self._limit = failures
        self._open_for = open_for
        self._in_a_row = 0
        self._opened_at: float | None = None
        self._probing_since: float | None = None

    def state(self, now: float) -> str:
        """closed | open | half-open."""
        if self._opened_at is None:
            return "closed"
        return "half-open" if now >= self._opened_at + self._open_for else "open"

    def admits(self, now: float) -> bool:
        """True when a request may be sent; in half-open only one probe at a time is admitted (and noted)."""
        state = self.state(now)
        if state != "half-open":
            return state == "closed"
        if self._probing_since is not None and now < self._probing_since + self._open_for:
            return False
        self._probing_since = now
        return True

    def succeeded(self) -> None:
        """The backend answered."""
        self._in_a_row = 0
        self._opened_at = self._probing_since = None

    def failed(self, now: float) -> None:
        """The backend could not be reached or answered with its own fault (5xx)."""
        self._in_a_row += 1
        if self._in_a_row >= self._limit or self._opened_at is not None:
            self._opened_at = now
            self._probing_since = None
