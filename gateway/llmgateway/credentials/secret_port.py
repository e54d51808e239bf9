"""What the refresh program asks of the place where tokens are kept: the Kubernetes API, or a folder.

StoreError        any failed call; `str()` names the object and never holds its content
+- Conflict       somebody else wrote since the read
+- Missing        there is no such object
+- Denied         the program may not do this
+- Unreachable    no answer, or none that can be understood: the call may have worked
Busy              another run holds the lock
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, Protocol

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class StoreError(Exception):
    """A call that failed."""


class Conflict(StoreError):
    """Somebody else wrote since the read."""


class Missing(StoreError):
    """There is no such object."""


class Denied(StoreError):
    """The program may not do this."""


class Unreachable(StoreError):
    """No answer: the call may have worked."""


class Busy(Exception):
    """Another run holds the lock; nothing was done."""


class StoredSecret:
    """One Secret as read: its data, the refresh record beside it (JSON or empty), the version for the next write."""

    __slots__ = ("data", "name", "origin", "record", "version")

    def __init__(
        self,
        name: str,
        data: Mapping[str, bytes],
        record: str = "",
        version: str = "",
        origin: Mapping[str, Any] = NOTHING,
    ) -> None:
        self.name = name
        self.data = dict(data)
        self.record = record
        self.version = version
        self.origin = origin
        """What the store wants back on a write, as it came."""

    def changed(self, data: Mapping[str, bytes], record: str) -> StoredSecret:
        """The same Secret with other content, to be written over the version that was read."""
        return StoredSecret(self.name, data, record, self.version, self.origin)

    def __repr__(self) -> str:
        return f"StoredSecret({self.name})"


class SecretPort(Protocol):
    """Blocking calls; each raises StoreError. `write` is compare-and-swap on the version that was read."""

    def acquire(self) -> None:
        """Takes the credential's lock. Raises Busy when another run keeps it for too long."""

    def release(self) -> None:
        """Gives the lock back; does nothing when it is not held."""

    def read(self, name: str) -> StoredSecret:
        """The Secret as it is now, not as it was mounted or cached."""

    def write(self, secret: StoredSecret) -> StoredSecret:
        """All of data and record in one update; the same with its new version. Raises Conflict when the version is not
        the latest."""

    def now(self) -> float:
        """The store's clock, in seconds since 1970: all runs share it, whatever the nodes' clocks say."""
