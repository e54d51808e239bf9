"""Responses of a store that may be away: whoever works on one goes on, its events wait in one queued write."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from llmgateway.storage.errors import StoreUnavailable
from llmgateway.storage.port import Responses
from llmgateway.storage.records import (
    Document,
    EventPage,
    NewResponse,
    ResponseKey,
    ResponseStatus,
    StoredEvent,
    StoredResponse,
)
from llmgateway.storage.resilient.guard import Guard
from llmgateway.storage.resilient.write_queue import Subject


class ResilientResponses:
    """Implements `port.Responses`. Writes say True when they were queued: nobody can know yet that the response was
    cancelled elsewhere. Reads, waiting and deletions raise StoreUnavailable."""

    def __init__(self, inner: Responses, guard: Guard) -> None:
        self._inner = inner
        self._guard = guard

    async def create(self, owner: str, response: NewResponse) -> None:
        make = partial(self._inner.create, owner, response)
        await self._guard.write(_subject(owner, response.id), response, make, None)

    async def append_events(self, owner: str, response: str, events: Sequence[StoredEvent]) -> bool:
        if not events:
            return await self._is_open(owner, response)
        subject = _subject(owner, response)
        if self._guard.waits(subject) and self._guard.queue.extend_last(subject, events):
            return True
        waiting = list(events)  # grows while it waits
        make = partial(self._inner.append_events, owner, response, waiting)
        return await self._guard.write(subject, waiting, make, True)

    async def finish(
        self, owner: str, response: str, status: ResponseStatus, document: Document, events: Sequence[StoredEvent] = ()
    ) -> bool:
        make = partial(self._inner.finish, owner, response, status, document, tuple(events))
        return await self._guard.write(_subject(owner, response), (document, tuple(events)), make, True)

    async def read(self, owner: str, response: str) -> StoredResponse | None:
        return await self._guard.read(_subject(owner, response), partial(self._inner.read, owner, response))

    async def wait_events(self, owner: str, response: str, after: int, timeout: float) -> EventPage | None:  # noqa: ASYNC109 - as in the port
        ask = partial(self._inner.wait_events, owner, response, after, timeout)
        return await self._guard.read(_subject(owner, response), ask)

    async def delete(self, owner: str, response: str) -> bool:
        return await self._guard.read(_subject(owner, response), partial(self._inner.delete, owner, response))

    async def open_of(self, process: str) -> list[ResponseKey]:
        return await self._guard.read((), partial(self._inner.open_of, process))

    async def _is_open(self, owner: str, response: str) -> bool:
        ask = partial(self._inner.append_events, owner, response, ())
        try:
            return await self._guard.read(_subject(owner, response), ask)
        except StoreUnavailable:
            return True


def _subject(owner: str, response: str) -> Subject:
    return ("response", owner, response)
