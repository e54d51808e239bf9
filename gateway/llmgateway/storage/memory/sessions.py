"""Sessions in memory."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from llmgateway.storage.json_records import decode_documents, encode
from llmgateway.storage.memory.expiring_table import Clock, ExpiringTable
from llmgateway.storage.records import SESSION_ENTRIES, Session, SessionKey, SessionTurn, Suspension

MAX_SESSIONS = 100_000


class _Kept(Struct):
    started: float
    active: float
    counters: dict[str, int] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By turn id, oldest first; as JSON has them, and never changed."""


class MemorySessions:
    """Implements `port.Sessions`."""

    def __init__(self, ttl: float, clock: Clock) -> None:
        self._table: ExpiringTable[SessionKey, _Kept] = ExpiringTable(ttl, clock, MAX_SESSIONS)
        self._suspended: ExpiringTable[SessionKey, Suspension] = ExpiringTable(ttl, clock, MAX_SESSIONS)
        self._activity: ExpiringTable[tuple[str, SessionKey], float] = ExpiringTable(ttl, clock, MAX_SESSIONS)

    async def touch(self, session: SessionKey, process: str, at: float) -> None:
        self._touched(session, process, at)

    def _touched(self, session: SessionKey, process: str, at: float) -> _Kept:
        kept = self._table.get(session) or _Kept(at, at)
        kept.active = max(kept.active, at)
        self._table.put(session, kept)
        self._activity.put((process, session), max(at, self._activity.get((process, session)) or at))
        return kept

    async def note(self, session: SessionKey, process: str, turn: SessionTurn) -> None:
        kept = self._touched(session, process, turn.at)
        if turn.id in kept.entries:
            return
        for name, amount in turn.counters.items():
            kept.counters[name] = kept.counters.get(name, 0) + amount
        for name, value in turn.peaks.items():
            kept.peaks[name] = max(value, kept.peaks.get(name, value))
        facts, kept.entries[turn.id] = decode_documents(encode((turn.facts, turn.entry)))
        kept.facts.update(facts)
        while len(kept.entries) > SESSION_ENTRIES:
            del kept.entries[next(iter(kept.entries))]

    async def read(self, session: SessionKey) -> Session | None:
        kept = self._table.get(session)
        if kept is None:
            return None
        return Session(
            id=session.id,
            started=kept.started,
            active=kept.active,
            counters=dict(kept.counters),
            peaks=dict(kept.peaks),
            facts=dict(kept.facts),
            entries=list(kept.entries.values()),
        )

    async def forget(self, session: SessionKey) -> bool:
        return self._table.pop(session) is not None

    async def active_since(self, process: str, since: float) -> list[SessionKey]:
        return [key for (name, key), at in self._activity.items() if name == process and at >= since]

    async def suspend(self, session: SessionKey, suspension: Suspension) -> None:
        self._suspended.put(session, self._suspended.get(session) or suspension)

    async def suspension(self, session: SessionKey) -> Suspension | None:
        return self._suspended.get(session)

    async def take_suspension(self, session: SessionKey) -> Suspension | None:
        return self._suspended.pop(session)
