"""Process marks in SQLite."""

from __future__ import annotations

from sqlite3 import Connection

from llmgateway.storage.records import SilentProcess
from llmgateway.storage.sqlite.database import Database


class SqliteProcesses:
    """Implements `port.Processes`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, process: str, at: float) -> float | None:
        def work(connection: Connection, _: float) -> float | None:
            left = connection.execute("SELECT beat FROM processes WHERE name = ?", (process,)).fetchone()
            connection.execute("INSERT OR REPLACE INTO processes (name, beat) VALUES (?, ?)", (process, at))
            return float(left[0]) if left else None

        return await self._database.write(work)

    async def beat(self, process: str, at: float) -> None:
        await self.begin(process, at)

    async def end(self, process: str) -> None:
        await self._database.write(
            lambda connection, _: connection.execute("DELETE FROM processes WHERE name = ?", (process,))
        )

    async def claim_silent(self, before: float) -> list[SilentProcess]:
        rows = await self._database.write(
            lambda connection, _: connection.execute(
                "DELETE FROM processes WHERE beat < ? RETURNING name, beat", (before,)
            ).fetchall()
        )
        return [SilentProcess(*row) for row in rows]
