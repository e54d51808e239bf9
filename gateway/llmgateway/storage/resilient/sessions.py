"""Sessions of a store that may be away."""

from __future__ import annotations

import contextlib
from functools import partial

from llmgateway.storage.errors import StoreUnavailable
from llmgateway.storage.port import Sessions
from llmgateway.storage.records import Session, SessionKey, SessionTurn, Suspension
from llmgateway.storage.resilient.guard import Guard
from llmgateway.storage.resilient.write_queue import Subject


class ResilientSessions:
    """Implements `port.Sessions`. Notes and suspensions wait; touches are skipped (the note that follows says more);
    the rest raises StoreUnavailable."""

    def __init__(self, inner: Sessions, guard: Guard) -> None:
        self._inner = inner
        self._guard = guard

    async def touch(self, session: SessionKey, process: str, at: float) -> None:
        with contextlib.suppress(StoreUnavailable):
            await self._guard.read(_subject(session), partial(self._inner.touch, session, process, at))

    async def note(self, session: SessionKey, process: str, turn: SessionTurn) -> None:
        make = partial(self._inner.note, session, process, turn)
        await self._guard.write(_subject(session), turn, make, None)

    async def read(self, session: SessionKey) -> Session | None:
        return await self._guard.read(_subject(session), partial(self._inner.read, session))

    async def forget(self, session: SessionKey) -> bool:
        return await self._guard.read(_subject(session), partial(self._inner.forget, session))

    async def active_since(self, process: str, since: float) -> list[SessionKey]:
        return await self._guard.read((), partial(self._inner.active_since, process, since))

    async def suspend(self, session: SessionKey, suspension: Suspension) -> None:
        make = partial(self._inner.suspend, session, suspension)
        await self._guard.write(_mark(session), suspension, make, None)

    async def suspension(self, session: SessionKey) -> Suspension | None:
        return await self._guard.read(_mark(session), partial(self._inner.suspension, session))

    async def take_suspension(self, session: SessionKey) -> Suspension | None:
        return await self._guard.read(_mark(session), partial(self._inner.take_suspension, session))


def _subject(session: SessionKey) -> Subject:
    return ("session", session.owner, session.id)


def _mark(session: SessionKey) -> Subject:
    return ("suspension", session.owner, session.id)
