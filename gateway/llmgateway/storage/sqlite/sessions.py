"""Sessions in SQLite; figures meet inside a write transaction, so none is lost."""

from __future__ import annotations

from sqlite3 import Connection

from llmgateway.storage.errors import StoreFull
from llmgateway.storage.json_records import decode_document, encode
from llmgateway.storage.records import SESSION_ENTRIES, Beginning, Session, SessionKey, SessionTurn, Suspension
from llmgateway.storage.sqlite.database import Database

_ONE = "owner = ? AND id = ?"
_MARK = "owner = ? AND session = ?"


class SqliteSessions:
    """Implements `port.Sessions`."""

    def __init__(self, database: Database, ttl: float) -> None:
        self._database = database
        self._ttl = ttl

    async def begin(self, session: SessionKey, process: str, at: float) -> Beginning:
        def work(connection: Connection, now: float) -> Beginning:
            found = _beginning(connection, now, session)
            if found.suspension is not None:
                key = (session.owner, session.id)
                connection.execute(f"DELETE FROM suspensions WHERE {_MARK}", key)  # noqa: S608 - a constant
                connection.execute(f"DELETE FROM sessions WHERE {_ONE}", key)  # noqa: S608 - a constant
            self._touch(connection, now, session, process, at)
            return found

        try:
            return await self._database.write(work)
        except StoreFull:  # no reason not to tell what there is; the mark stays until there is room again
            return await self._database.read(lambda connection, now: _beginning(connection, now, session))

    async def note(self, session: SessionKey, process: str, turn: SessionTurn) -> None:
        entry = (session.owner, session.id, turn.id, encode(turn.entry))

        def work(connection: Connection, now: float) -> None:
            self._touch(connection, now, session, process, turn.at)
            inserted = connection.execute(
                "INSERT OR IGNORE INTO session_entries (owner, session, id, data) VALUES (?, ?, ?, ?)", entry
            )
            if inserted.rowcount:
                _merge(connection, session, turn)

        await self._database.write(work)

    async def read(self, session: SessionKey) -> Session | None:
        return await self._database.read(lambda connection, now: _known(connection, now, session))

    async def active_since(self, process: str, since: float) -> list[SessionKey]:
        rows = await self._database.read(
            lambda connection, now: connection.execute(
                "SELECT owner, session FROM activity WHERE process = ? AND at >= ? AND expires > ?",
                (process, since, now),
            ).fetchall()
        )
        return [SessionKey(*row) for row in rows]

    async def suspend(self, session: SessionKey, suspension: Suspension) -> None:
        key = (session.owner, session.id)

        def work(connection: Connection, now: float) -> None:
            connection.execute(f"DELETE FROM suspensions WHERE {_MARK} AND expires <= ?", (*key, now))  # noqa: S608 - a constant
            connection.execute(
                "INSERT OR IGNORE INTO suspensions (owner, session, reason, at, expires) VALUES (?, ?, ?, ?, ?)",
                (*key, suspension.reason, suspension.at, now + self._ttl),
            )

        await self._database.write(work)

    async def suspension(self, session: SessionKey) -> Suspension | None:
        return await self._database.read(lambda connection, now: _mark(connection, now, session))

    def _touch(self, connection: Connection, now: float, session: SessionKey, process: str, at: float) -> None:
        key, expires = (session.owner, session.id), now + self._ttl
        connection.execute(f"DELETE FROM sessions WHERE {_ONE} AND expires <= ?", (*key, now))  # noqa: S608 - a constant
        connection.execute(
            "INSERT INTO sessions (owner, id, started, active, counters, peaks, facts, expires)"
            " VALUES (?, ?, ?, ?, '{}', '{}', '{}', ?)"
            " ON CONFLICT DO UPDATE SET active = max(active, excluded.active), expires = excluded.expires",
            (*key, at, at, expires),
        )
        connection.execute(
            "INSERT INTO activity (process, owner, session, at, expires) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET at = max(at, excluded.at), expires = excluded.expires",
            (process, *key, at, expires),
        )


def _beginning(connection: Connection, now: float, session: SessionKey) -> Beginning:
    mark = _mark(connection, now, session)
    return Beginning(None if mark else _known(connection, now, session), mark)


def _known(connection: Connection, now: float, session: SessionKey) -> Session | None:
    key = (session.owner, session.id)
    row = connection.execute(
        f"SELECT started, active, counters, peaks, facts FROM sessions WHERE {_ONE} AND expires > ?",  # noqa: S608 - a constant
        (*key, now),
    ).fetchone()
    if row is None:
        return None
    entries = connection.execute(f"SELECT data FROM session_entries WHERE {_MARK} ORDER BY number", key)  # noqa: S608 - a constant
    return Session(
        id=session.id,
        started=row[0],
        active=row[1],
        counters=decode_document(row[2]),
        peaks=decode_document(row[3]),
        facts=decode_document(row[4]),
        entries=[decode_document(data) for (data,) in entries],
    )


def _merge(connection: Connection, session: SessionKey, turn: SessionTurn) -> None:
    """Adds the turn's figures, and drops the entries that are too many."""
    key = (session.owner, session.id)
    row = connection.execute(f"SELECT counters, peaks, facts FROM sessions WHERE {_ONE}", key).fetchone()  # noqa: S608 - a constant
    counters, peaks, facts = (decode_document(part) for part in row)
    for name, amount in turn.counters.items():
        counters[name] = counters.get(name, 0) + amount
    for name, value in turn.peaks.items():
        peaks[name] = max(value, peaks.get(name, value))
    merged = (encode(counters), encode(peaks), encode(facts | turn.facts))
    connection.execute(f"UPDATE sessions SET counters = ?, peaks = ?, facts = ? WHERE {_ONE}", (*merged, *key))  # noqa: S608 - a constant
    connection.execute(
        f"DELETE FROM session_entries WHERE {_MARK} AND number <= (SELECT number FROM session_entries"  # noqa: S608 - a constant
        f" WHERE {_MARK} ORDER BY number DESC LIMIT 1 OFFSET {SESSION_ENTRIES})",
        (*key, *key),
    )


def _mark(connection: Connection, now: float, session: SessionKey) -> Suspension | None:
    row = connection.execute(
        f"SELECT reason, at FROM suspensions WHERE {_MARK} AND expires > ?",  # noqa: S608 - a constant
        (session.owner, session.id, now),
    ).fetchone()
    return Suspension(*row) if row else None
