"""Sessions of a store that may be away."""

from __future__ import annotations

from functools import partial

from llmgateway.storage.errors import StoreUnavailable
from llmgateway.storage.port import Sessions
from llmgateway.storage.records import Beginning, Session, SessionKey, SessionTurn, Suspension
from llmgateway.storage.resilient.guard import Guard
from llmgateway.storage.resilient.write_queue import Subject


class ResilientSessions:
    """Implements `port.Sessions`. Notes and suspensions wait; the rest raises StoreUnavailable."""

    def __init__(self, inner: Sessions, guard: Guard) -> None:
        self._inner = inner
        self._guard = guard

    async def begin(self, session: SessionKey, process: str, at: float) -> Beginning:
        if self._guard.waits(_mark(session)):
            raise StoreUnavailable("a suspension of this session waits to be stored")
        return await self._guard.read(_subject(session), partial(self._inner.begin, session, process, at))

    async def note(self, session: SessionKey, process: str, turn: SessionTurn) -> None:
        make = partial(self._inner.note, session, process, turn)
        await self._guard.write(_subject(session), turn, make, None)

    async def read(self, session: SessionKey) -> Session | None:
        return await self._guard.read(_subject(session), partial(self._inner.read, session))

    async def active_since(self, process: str, since: float) -> list[SessionKey]:
        return await self._guard.read((), partial(self._inner.active_since, process, since))

    async def suspend(self, session: SessionKey, suspension: Suspension) -> None:
        make = partial(self._inner.suspend, session, suspension)
        await self._guard.write(_mark(session), suspension, make, None)

    async def suspension(self, session: SessionKey) -> Suspension | None:
        return await self._guard.read(_mark(session), partial(self._inner.suspension, session))


def _subject(session: SessionKey) -> Subject:
    return ("session", session.owner, session.id)


def _mark(session: SessionKey) -> Subject:
    return ("suspension", session.owner, session.id)
