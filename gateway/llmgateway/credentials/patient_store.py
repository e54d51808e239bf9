"""Reads and writes that go on until their outcome is certain, or until their time is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from llmgateway.credentials import refresh_record
from llmgateway.credentials.secret_port import Conflict, Missing, SecretPort, StoredSecret, StoreError

PAUSES: Final = (0.2, 0.5, 1.0, 2.0)  # seconds between tries; the last repeats


class PatientStore:
    """`pause` sleeps for seconds. All times are the store's own."""

    def __init__(self, store: SecretPort, pause: Callable[[float], None]) -> None:
        self._store = store
        self._pause = pause

    def read(self, name: str, seconds: float) -> StoredSecret:
        """Raises Missing at once, other StoreErrors when the time is over."""
        for last in self._tries(seconds):
            try:
                return self._store.read(name)
            except Missing:
                raise
            except StoreError:
                if last:
                    raise
        raise AssertionError("unreachable")

    def write(self, wanted: StoredSecret, seconds: float) -> StoredSecret:
        """Compare-and-swap before anything is spent; what is there now. Raises Conflict and Missing at once.

        A write without an answer is looked up: it may have worked."""
        for last in self._tries(seconds):
            try:
                return self._store.write(wanted)
            except (Conflict, Missing):
                raise
            except StoreError:
                if last:
                    raise
            latest = self._latest(wanted.name)
            if latest is not None and latest.record == wanted.record:
                return latest
        raise AssertionError("unreachable")

    def overwrite(self, wanted: StoredSecret, over: str, seconds: float) -> StoredSecret:
        """The write after an exchange: goes on over Conflicts while the record there is still `over`, or older.

        Raises Conflict when somebody else wrote tokens meanwhile."""
        for last in self._tries(seconds):
            try:
                return self._store.write(wanted)
            except StoreError:
                if last:
                    raise
            latest = self._latest(wanted.name)
            if latest is not None:
                if latest.record == wanted.record:
                    return latest
                if not _may_replace(latest.record, over, wanted.record):
                    raise Conflict(f"PUT Secret {wanted.name}: somebody else wrote tokens")
                wanted = latest.changed(wanted.data, wanted.record)
        raise AssertionError("unreachable")

    def _latest(self, name: str) -> StoredSecret | None:
        try:
            return self._store.read(name)
        except StoreError:
            return None

    def _tries(self, seconds: float) -> Iterator[bool]:
        """One round per try; True for the last."""
        deadline, tries = self._store.now() + seconds, 0
        while self._store.now() < deadline:
            yield False
            self._pause(PAUSES[min(tries, len(PAUSES) - 1)])
            tries += 1
        yield True


def _may_replace(there: str, over: str, mine: str) -> bool:
    if there in ("", over):
        return True
    theirs, ours = refresh_record.decode(there), refresh_record.decode(mine)
    return theirs is not None and ours is not None and theirs.revision < ours.revision
