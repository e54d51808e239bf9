"""Responses in SQLite. A write wakes the followers of this process at once; those of another process that shares the
file look again every POLL_SECONDS."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from sqlite3 import Connection
from time import monotonic

from llmgateway.storage.event_pages import page_after
from llmgateway.storage.json_records import decode_document, decode_documents, encode
from llmgateway.storage.records import (
    OPEN_STATUSES,
    Document,
    EventPage,
    NewResponse,
    ResponseKey,
    ResponseStatus,
    StoredEvent,
    StoredResponse,
)
from llmgateway.storage.sqlite.database import Database

POLL_SECONDS = 0.25
_FIELDS = "id, at, document, input_items, status, process, last_event"


class SqliteResponses:
    """Implements `port.Responses`."""

    def __init__(self, database: Database, ttl: float, events_ttl: float) -> None:
        self._database = database
        self._ttl = ttl
        self._events_ttl = events_ttl
        self._changed = asyncio.Condition()

    async def create(self, owner: str, response: NewResponse) -> None:
        row = (response.id, response.at, encode(response.document), encode(response.input_items))

        def work(connection: Connection, now: float) -> None:
            connection.execute(
                f"INSERT OR IGNORE INTO responses (owner, {_FIELDS}, expires) VALUES (?, ?, ?, ?, ?, ?, ?, -1, ?)",  # noqa: S608 - a constant
                (owner, *row, response.status, response.process, now + self._ttl),
            )

        await self._database.write(work)

    async def append_events(self, owner: str, response: str, events: Sequence[StoredEvent]) -> bool:
        if not events:
            stored = await self.read(owner, response)
            return stored is not None and stored.is_open
        is_open = await self._database.write(
            lambda connection, now: self._add(connection, now, owner, response, events)
        )
        await self._wake()
        return is_open

    async def finish(
        self, owner: str, response: str, status: ResponseStatus, document: Document, events: Sequence[StoredEvent] = ()
    ) -> bool:
        row = (status, encode(document), owner, response)

        def work(connection: Connection, now: float) -> bool:
            is_open = self._add(connection, now, owner, response, events)
            if is_open:
                connection.execute("UPDATE responses SET status = ?, document = ? WHERE owner = ? AND id = ?", row)
            return is_open

        is_open = await self._database.write(work)
        await self._wake()
        return is_open

    async def read(self, owner: str, response: str) -> StoredResponse | None:
        row = await self._database.read(
            lambda connection, now: connection.execute(
                f"SELECT {_FIELDS} FROM responses WHERE owner = ? AND id = ? AND expires > ?",  # noqa: S608 - a constant
                (owner, response, now),
            ).fetchone()
        )
        if row is None:
            return None
        return StoredResponse(
            id=row[0],
            at=row[1],
            document=decode_document(row[2]),
            input_items=decode_documents(row[3]),
            status=row[4],
            process=row[5],
            last_event=row[6],
        )

    async def wait_events(self, owner: str, response: str, after: int, timeout: float) -> EventPage | None:  # noqa: ASYNC109 - as in the port
        deadline = monotonic() + timeout
        while True:
            async with self._changed:  # held until we wait: no write can slip in between
                page = await self._page(owner, response, after)
                left = deadline - monotonic()
                if page is None or page.events or page.is_closed or page.is_cut or left <= 0:
                    return page
                try:
                    async with asyncio.timeout(min(left, POLL_SECONDS)):
                        await self._changed.wait()
                except TimeoutError:
                    pass

    async def delete(self, owner: str, response: str) -> bool:
        def work(connection: Connection, _: float) -> bool:
            deleted = connection.execute("DELETE FROM responses WHERE owner = ? AND id = ?", (owner, response))
            return deleted.rowcount > 0

        found = await self._database.write(work)
        await self._wake()
        return found

    async def open_of(self, process: str) -> list[ResponseKey]:
        rows = await self._database.read(
            lambda connection, now: connection.execute(
                "SELECT owner, id FROM responses WHERE process = ? AND status IN (?, ?) AND expires > ?",
                (process, *OPEN_STATUSES, now),
            ).fetchall()
        )
        return [ResponseKey(*row) for row in rows]

    async def _page(self, owner: str, response: str, after: int) -> EventPage | None:
        def work(connection: Connection, now: float) -> EventPage | None:
            head = connection.execute(
                "SELECT status, last_event FROM responses WHERE owner = ? AND id = ? AND expires > ?",
                (owner, response, now),
            ).fetchone()
            if head is None:
                return None
            rows = connection.execute(
                "SELECT number, data FROM response_events"
                " WHERE owner = ? AND response = ? AND number > ? AND expires > ? ORDER BY number",
                (owner, response, after, now),
            )
            events = [StoredEvent(*row) for row in rows]
            return page_after(after, events, last_event=head[1], is_closed=head[0] not in OPEN_STATUSES)

        return await self._database.read(work)

    def _add(
        self, connection: Connection, now: float, owner: str, response: str, events: Sequence[StoredEvent]
    ) -> bool:
        updated = connection.execute(
            "UPDATE responses SET last_event = max(last_event, ?), expires = ?"
            " WHERE owner = ? AND id = ? AND status IN (?, ?) AND expires > ?",
            (events[-1].number if events else -1, now + self._ttl, owner, response, *OPEN_STATUSES, now),
        )
        if updated.rowcount == 0:
            return False
        connection.executemany(
            "INSERT OR IGNORE INTO response_events (owner, response, number, data, expires) VALUES (?, ?, ?, ?, ?)",
            [(owner, response, event.number, event.data, now + self._events_ttl) for event in events],
        )
        return True

    async def _wake(self) -> None:
        async with self._changed:
            self._changed.notify_all()
