"""The store of a gateway that stands alone and survives its restarts: one SQLite file, in WAL mode, readable by its
owner only. Several processes may share it; it must not lie on a network file system (SQLite, "Write-Ahead Logging")."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from llmgateway.storage.records import Health, Retention
from llmgateway.storage.sqlite.conversations import SqliteConversations
from llmgateway.storage.sqlite.database import Database
from llmgateway.storage.sqlite.limits import SqliteLimits
from llmgateway.storage.sqlite.processes import SqliteProcesses
from llmgateway.storage.sqlite.responses import SqliteResponses
from llmgateway.storage.sqlite.sessions import SqliteSessions

__all__ = ["SqliteStore"]


class SqliteStore:
    """Opens the file at first use: construction never fails. `max_bytes` None: as large as the disk allows."""

    def __init__(
        self,
        path: Path,
        retention: Retention | None = None,
        clock: Callable[[], float] = time.time,
        max_bytes: int | None = None,
    ) -> None:
        kept = retention or Retention()
        self._database = Database(path, clock, max_bytes)
        self.conversations = SqliteConversations(self._database, kept.conversations)
        self.responses = SqliteResponses(self._database, kept.responses, kept.events)
        self.sessions = SqliteSessions(self._database, kept.sessions)
        self.limits = SqliteLimits(self._database)
        self.processes = SqliteProcesses(self._database)

    def health(self) -> Health:
        return Health()

    async def ping(self) -> None:
        """Raises StoreUnavailable."""
        await self._database.read(lambda connection, _: connection.execute("SELECT 1").fetchone())

    async def close(self) -> None:
        await self._database.close()
