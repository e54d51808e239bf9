"""A dictionary that forgets: by age since the last write, and the longest unwritten first when it grows too heavy."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
Clock = Callable[[], float]


class ExpiringTable(Generic[Key, Value]):
    """`ttl` in seconds of `clock`; `max_weight` in whatever unit `put` is told."""

    def __init__(self, ttl: float, clock: Clock, max_weight: int) -> None:
        self._ttl = ttl
        self._clock = clock
        self._max_weight = max_weight
        # in order of writing, hence of expiry; a plain dict finds its first row by walking over all that were deleted
        self._rows: OrderedDict[Key, tuple[float, int, Value]] = OrderedDict()
        self._weight = 0
        self._first_expiry = 0.0  # the first row's, or an earlier one's

    def put(self, key: Key, value: Value, weight: int = 1) -> None:
        """Writes, and starts the entry's time anew. The entry just written always stays."""
        now = self._clock()
        before = self._rows.get(key)
        self._rows[key] = (now + self._ttl, weight, value)
        if before is not None:
            self._rows.move_to_end(key)
            self._weight -= before[1]
        self._weight += weight
        if self._weight > self._max_weight or now >= self._first_expiry:
            self._shrink(now)

    def get(self, key: Key) -> Value | None:
        row = self._rows.get(key)
        return row[2] if row and row[0] > self._clock() else None

    def pop(self, key: Key) -> Value | None:
        row = self._rows.pop(key, None)
        if row is None:
            return None
        self._weight -= row[1]
        return row[2] if row[0] > self._clock() else None

    def items(self) -> Iterator[tuple[Key, Value]]:
        """What has not expired."""
        now = self._clock()
        return ((key, value) for key, (expiry, _, value) in self._rows.items() if expiry > now)

    def _shrink(self, now: float) -> None:
        while len(self._rows) > 1:
            key, (expiry, weight, _) = next(iter(self._rows.items()))
            if expiry > now and self._weight <= self._max_weight:
                self._first_expiry = expiry
                return
            del self._rows[key]
            self._weight -= weight
