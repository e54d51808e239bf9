"""One SQLite connection in one thread: every piece of work is one transaction, and runs after the one before it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from llmgateway.storage.errors import StoreError, StoreFull, StoreUnavailable
from llmgateway.storage.sqlite.schema import EXPIRING, SCHEMA, VERSION

Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection, float], Result]
"""(connection inside a transaction, now in Unix seconds) -> result"""

BUSY_SECONDS = 1.0
"""How long a write waits for another process that is writing."""
PURGE_SECONDS = 60.0
"""How often expired rows are removed; reads never see them."""


class Database:
    """Raises StoreUnavailable or StoreFull for all that a disk can do, StoreError for faults of ours."""

    def __init__(self, path: Path, clock: Callable[[], float], max_bytes: int | None) -> None:
        self._path = path
        self._clock = clock
        self._max_bytes = max_bytes
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-store")
        self._connection: sqlite3.Connection | None = None
        self._purged = 0.0

    async def read(self, work: Work[Result]) -> Result:
        """One consistent view."""
        return await self._run("BEGIN", work)

    async def write(self, work: Work[Result]) -> Result:
        """All or nothing, after every other writer."""
        return await self._run("BEGIN IMMEDIATE", work)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown(wait=False)

    async def _run(self, begin: str, work: Work[Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, begin, work)

    def _transact(self, begin: str, work: Work[Result]) -> Result:
        try:
            connection = self._connected()
            with connection:  # commits, or rolls back
                connection.execute(begin)
                if begin != "BEGIN":
                    self._purge(connection)
                return work(connection, self._clock())
        except (sqlite3.Error, OSError) as error:
            raise self._translated(error) from None

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._opened()
        return self._connection

    def _opened(self) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._make_private()
        connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            self._prepare_or_wait(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _make_private(self) -> None:
        """sqlite3 itself would follow the umask. A file that is there is not opened: closing it again would drop the
        locks of this process's other connections (SQLite, "How To Corrupt An SQLite Database File", 2.2)."""
        if not self._path.exists():
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))

    def _prepare_or_wait(self, connection: sqlite3.Connection) -> None:
        """Two processes that open a new file at once: SQLite does not wait for the change to WAL mode by itself."""
        deadline = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                return self._prepare(connection)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _prepare(self, connection: sqlite3.Connection) -> None:
        for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
            connection.execute(f"PRAGMA {pragma}")
        if self._max_bytes is not None:
            (page_size,) = connection.execute("PRAGMA page_size").fetchone()
            connection.execute(f"PRAGMA max_page_count = {self._max_bytes // page_size}")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise StoreUnavailable(f"the SQLite file is of a newer gateway (version {version})")
        if version < VERSION:
            connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")

    def _purge(self, connection: sqlite3.Connection) -> None:
        now = self._clock()
        if now - self._purged < PURGE_SECONDS:
            return
        self._purged = now
        for table, column in EXPIRING:
            connection.execute(f"DELETE FROM {table} WHERE {column} <= ?", (now,))  # noqa: S608 - names of our own

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _translated(self, error: sqlite3.Error | OSError) -> StoreError:
        if isinstance(error, (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.IntegrityError)):
            return StoreError(f"SQLite: {error}")
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None and code & 0xFF in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY):
            return StoreFull(f"the SQLite file takes no writes: {error}")
        if code is None or code & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            self._disconnect()  # the file may be another one next time
        return StoreUnavailable(f"the SQLite file can't be used: {error}")
