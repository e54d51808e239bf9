"""Responses in memory; followers wait on one condition, which every write wakes."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Sequence

from msgspec import Struct, field

from llmgateway.storage.event_pages import page_after
from llmgateway.storage.json_records import decode_document, decode_documents, encode
from llmgateway.storage.memory.expiring_table import Clock, ExpiringTable
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


class _Kept(Struct):
    at: float
    process: str
    status: ResponseStatus
    document: bytes
    input_items: bytes
    events: list[StoredEvent] = field(default_factory=list)
    size: int = 0

    @property
    def last_event(self) -> int:
        return self.events[-1].number if self.events else -1

    @property
    def is_closed(self) -> bool:
        return self.status not in OPEN_STATUSES


class MemoryResponses:
    """Implements `port.Responses`. The event log goes with its response: memory's own bound keeps it small."""

    def __init__(self, ttl: float, clock: Clock, max_bytes: int) -> None:
        self._table: ExpiringTable[tuple[str, str], _Kept] = ExpiringTable(ttl, clock, max_bytes)
        self._changed = asyncio.Condition()

    async def create(self, owner: str, response: NewResponse) -> None:
        if self._table.get((owner, response.id)) is not None:
            return
        document, items = encode(response.document), encode(response.input_items)
        kept = _Kept(response.at, response.process, response.status, document, items, size=len(document) + len(items))
        self._table.put((owner, response.id), kept, kept.size)

    async def append_events(self, owner: str, response: str, events: Sequence[StoredEvent]) -> bool:
        kept = self._table.get((owner, response))
        if kept is None or kept.is_closed:
            return False
        if events:
            self._add(kept, events)
            await self._written(owner, response, kept)
        return True

    async def finish(
        self, owner: str, response: str, status: ResponseStatus, document: Document, events: Sequence[StoredEvent] = ()
    ) -> bool:
        kept = self._table.get((owner, response))
        if kept is None or kept.is_closed:
            return False
        self._add(kept, events)
        kept.status, kept.document = status, encode(document)
        await self._written(owner, response, kept)
        return True

    async def read(self, owner: str, response: str) -> StoredResponse | None:
        kept = self._table.get((owner, response))
        if kept is None:
            return None
        return StoredResponse(
            id=response,
            at=kept.at,
            document=decode_document(kept.document),
            input_items=decode_documents(kept.input_items),
            status=kept.status,
            process=kept.process,
            last_event=kept.last_event,
        )

    async def wait_events(self, owner: str, response: str, after: int, timeout: float) -> EventPage | None:  # noqa: ASYNC109 - as in the port
        try:
            async with asyncio.timeout(timeout), self._changed:
                while (page := self._page(owner, response, after)) and not (page.events or page.is_closed):
                    await self._changed.wait()
                return page
        except TimeoutError:
            return self._page(owner, response, after)

    async def delete(self, owner: str, response: str) -> bool:
        found = self._table.pop((owner, response)) is not None
        async with self._changed:
            self._changed.notify_all()
        return found

    async def open_of(self, process: str) -> list[ResponseKey]:
        return [
            ResponseKey(*key) for key, kept in self._table.items() if kept.process == process and not kept.is_closed
        ]

    def _page(self, owner: str, response: str, after: int) -> EventPage | None:
        kept = self._table.get((owner, response))
        if kept is None:
            return None
        events = kept.events[bisect_right(kept.events, after, key=lambda event: event.number) :]
        return page_after(after, events, last_event=kept.last_event, is_closed=kept.is_closed)

    @staticmethod
    def _add(kept: _Kept, events: Sequence[StoredEvent]) -> None:
        for event in events:
            if event.number > kept.last_event:
                kept.events.append(event)
                kept.size += len(event.data)

    async def _written(self, owner: str, response: str, kept: _Kept) -> None:
        self._table.put((owner, response), kept, kept.size)
        async with self._changed:
            self._changed.notify_all()
