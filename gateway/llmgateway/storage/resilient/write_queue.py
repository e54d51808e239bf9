"""Writes that wait for the store: first in, first out; when there are too many the oldest are lost, and counted."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass

from llmgateway.wire import json_codec

Subject = tuple[str, ...]
"""What a write is about, such as ("conversation", owner, id): writes on one subject keep their order."""


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
    """Bounded by number and by bytes, but for the write that is being made (`take`): it waits until it is `done`."""

    def __init__(self, max_writes: int, max_bytes: int) -> None:
        self._max_writes = max_writes
        self._max_bytes = max_bytes
        self._writes: deque[Write] = deque()
        self._taken: Write | None = None
        self._subjects: Counter[Subject] = Counter()
        self.bytes = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._writes) + (self._taken is not None)

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

    def take(self) -> Write:
        """The oldest one, to be made: `done`, `put_back` or `lost` must follow."""
        self._taken = self._writes.popleft()
        return self._taken

    def done(self) -> None:
        """The taken write was made."""
        self._forget(self._taken)
        self._taken = None

    def lost(self) -> None:
        """The taken write can never be made."""
        self.done()
        self.dropped += 1

    def put_back(self) -> None:
        """The taken write must wait on, before all others."""
        if self._taken is not None:
            self._writes.appendleft(self._taken)
        self._taken = None
        self._shrink()

    def _last_of(self, subject: Subject) -> Write | None:
        if not self.concerns(subject):
            return None
        return next((write for write in reversed(self._writes) if write.subject == subject), None)

    def _shrink(self) -> None:
        taken = self._taken.size if self._taken else 0
        while self._writes and (len(self._writes) > self._max_writes or self.bytes - taken > self._max_bytes):
            self._forget(self._writes.popleft())
            self.dropped += 1

    def _forget(self, write: Write | None) -> None:
        if write is None:
            return
        self.bytes -= write.size
        self._subjects[write.subject] -= 1
        if not self._subjects[write.subject]:
            del self._subjects[write.subject]
