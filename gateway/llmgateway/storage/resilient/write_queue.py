"""Writes that wait for the store: the oldest leave first, those on one subject one by one; when there are too many the
oldest are lost, and counted."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from llmgateway.wire import json_codec

Subject = tuple[str, ...]
"""What a write is about, such as ("conversation", owner, id): writes on one subject keep their order."""


LOOKED_AT = 256
"""Writes among which different subjects are looked for: a long queue is not searched to its end each time."""


@dataclass(eq=False)
class Write:
    """One write that can be made at any time, and again if nobody knows whether it was made."""

    subject: Subject
    make: Callable[[], Awaitable[object]]
    payload: object
    """What is written, only to tell how much it is."""
    size: int = 0
    """Bytes of the payload as JSON, once the write waits."""


class WriteQueue:
    """Bounded by number and by bytes, but for the writes that are being made (`take`): they wait until they are
    `done`."""

    def __init__(self, max_writes: int, max_bytes: int) -> None:
        self._max_writes = max_writes
        self._max_bytes = max_bytes
        self._writes: deque[Write] = deque()
        self._taken: list[Write] = []
        self._subjects: Counter[Subject] = Counter()
        self.bytes = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._writes) + len(self._taken)

    def concerns(self, subject: Subject) -> bool:
        """Whether a write on this subject waits."""
        return subject in self._subjects

    def add(self, write: Write) -> None:
        write.size = len(json_codec.encode(write.payload))
        self._writes.append(write)
        self._subjects[write.subject] += 1
        self.bytes += write.size
        self._shrink()

    def extend_last(self, subject: Subject, more: Iterable[object]) -> bool:
        """Adds to the payload of the newest write on the subject, where that is a list and not being made: a thousand
        small pieces of one stream must not push a thousand other writes out. False where there is none."""
        last = self._last_of(subject)
        if last is None or not isinstance(last.payload, list):
            return False
        added = list(more)
        last.payload += added
        size = len(json_codec.encode(added))
        last.size += size
        self.bytes += size
        self._shrink()
        return True

    def take(self, most: int = 1) -> list[Write]:
        """The oldest ones of so many subjects, to be made in any order: `done` or `lost` for each, then `put_back`."""
        subjects: set[Subject] = set()
        passed: list[Write] = []
        for _ in range(min(len(self._writes), LOOKED_AT)):
            write = self._writes.popleft()
            if write.subject in subjects or len(subjects) == most:
                passed.append(write)
            else:
                subjects.add(write.subject)
                self._taken.append(write)
        self._writes.extendleft(reversed(passed))
        return list(self._taken)

    def done(self, write: Write) -> None:
        """A taken write was made."""
        self._taken.remove(write)
        self._forget(write)

    def lost(self, write: Write) -> None:
        """A taken write can never be made."""
        self.done(write)
        self.dropped += 1

    def put_back(self) -> None:
        """The taken writes that are left must wait on, before all others."""
        self._writes.extendleft(reversed(self._taken))
        self._taken.clear()
        self._shrink()

    def _last_of(self, subject: Subject) -> Write | None:
        if not self.concerns(subject):
            return None
        return next((write for write in reversed(self._writes) if write.subject == subject), None)

    def _shrink(self) -> None:
        taken = sum(write.size for write in self._taken)
        while self._writes and (len(self._writes) > self._max_writes or self.bytes - taken > self._max_bytes):
            self._forget(self._writes.popleft())
            self.dropped += 1

    def _forget(self, write: Write) -> None:
        self.bytes -= write.size
        self._subjects[write.subject] -= 1
        if not self._subjects[write.subject]:
            del self._subjects[write.subject]
