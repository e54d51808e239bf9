"""Sessions in memory."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from llmgateway.storage.memory.expiring_table import Clock, ExpiringTable
from llmgateway.storage.records import SESSION_ENTRIES, Beginning, Session, SessionKey, SessionTurn, Suspension

MAX_SESSIONS = 100_000


class _Kept(Struct):
    """Dictionaries are replaced, never changed: whoever read one keeps what it read, whoever gave one gave it away."""

    started: float
    active: float
    processes: dict[str, float]
    """When each last had a turn of it."""
    counters: dict[str, int] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By turn id, oldest first."""

    def session(self, identifier: str) -> Session:
        return Session(
            id=identifier,
            started=self.started,
            active=self.active,
            counters=self.counters,
            peaks=self.peaks,
            facts=self.facts,
            entries=list(self.entries.values()),
        )


class MemorySessions:
    """Implements `port.Sessions`."""

    def __init__(self, ttl: float, clock: Clock) -> None:
        self._table: ExpiringTable[SessionKey, _Kept] = ExpiringTable(ttl, clock, MAX_SESSIONS)
        self._suspended: ExpiringTable[SessionKey, Suspension] = ExpiringTable(ttl, clock, MAX_SESSIONS)

    async def begin(self, session: SessionKey, process: str, at: float) -> Beginning:
        suspension = self._suspended.pop(session)
        kept = self._table.get(session)
        known = kept.session(session.id) if kept is not None and suspension is None else None
        if kept is None or suspension is not None:
            kept = _Kept(at, at, kept.processes if kept is not None else {})
        self._touch(session, kept, process, at)
        return Beginning(known, suspension)

    async def note(self, session: SessionKey, process: str, turn: SessionTurn) -> None:
        kept = self._table.get(session) or _Kept(turn.at, turn.at, {})
        self._touch(session, kept, process, turn.at)
        if turn.id in kept.entries:
            return
        counters, peaks = kept.counters, kept.peaks
        kept.counters = counters | {name: amount + counters.get(name, 0) for name, amount in turn.counters.items()}
        kept.peaks = peaks | {name: max(value, peaks.get(name, value)) for name, value in turn.peaks.items()}
        kept.facts = kept.facts | turn.facts
        kept.entries[turn.id] = turn.entry
        while len(kept.entries) > SESSION_ENTRIES:
            del kept.entries[next(iter(kept.entries))]

    async def read(self, session: SessionKey) -> Session | None:
        kept = self._table.get(session)
        return kept.session(session.id) if kept is not None else None

    async def active_since(self, process: str, since: float) -> list[SessionKey]:
        return [key for key, kept in self._table.items() if kept.processes.get(process, since - 1) >= since]

    async def suspend(self, session: SessionKey, suspension: Suspension) -> None:
        self._suspended.put(session, self._suspended.get(session) or suspension)

    async def suspension(self, session: SessionKey) -> Suspension | None:
        return self._suspended.get(session)

    def _touch(self, session: SessionKey, kept: _Kept, process: str, at: float) -> None:
        kept.active = max(kept.active, at)
        kept.processes[process] = max(at, kept.processes.get(process, at))
        self._table.put(session, kept)
