"""Conversations in SQLite."""

from __future__ import annotations

from sqlite3 import Connection

from llmgateway.storage.json_records import cursor, decode_metadata, decode_turn, encode, position
from llmgateway.storage.records import Conversation, ConversationPage, ConversationSummary, Turn
from llmgateway.storage.sqlite.database import Database

_SUMMARIES = """
SELECT id, created, updated, metadata,
    (SELECT count(*) FROM turns WHERE turns.owner = conversations.owner AND conversation = conversations.id)
FROM conversations
WHERE owner = ? AND expires > ? AND (updated, id) < (?, ?)
ORDER BY updated DESC, id DESC LIMIT ?
"""


class SqliteConversations:
    """Implements `port.Conversations`."""

    def __init__(self, database: Database, ttl: float) -> None:
        self._database = database
        self._ttl = ttl

    async def append(self, owner: str, conversation: str, turn: Turn) -> None:
        row = (owner, conversation, turn.id, encode(turn))

        def work(connection: Connection, now: float) -> None:
            self._touch(connection, owner, conversation, turn.at, now)
            connection.execute("INSERT OR IGNORE INTO turns (owner, conversation, id, data) VALUES (?, ?, ?, ?)", row)

        await self._database.write(work)

    async def describe(self, owner: str, conversation: str, metadata: dict[str, str], at: float) -> None:
        row = (encode(metadata), owner, conversation)

        def work(connection: Connection, now: float) -> None:
            self._touch(connection, owner, conversation, at, now)
            connection.execute("UPDATE conversations SET metadata = ? WHERE owner = ? AND id = ?", row)

        await self._database.write(work)

    async def read(self, owner: str, conversation: str) -> Conversation | None:
        def work(connection: Connection, now: float) -> tuple[tuple[float, float, bytes] | None, list[tuple[bytes]]]:
            head = connection.execute(
                "SELECT created, updated, metadata FROM conversations WHERE owner = ? AND id = ? AND expires > ?",
                (owner, conversation, now),
            ).fetchone()
            turns = connection.execute(
                "SELECT data FROM turns WHERE owner = ? AND conversation = ? ORDER BY number", (owner, conversation)
            ).fetchall()
            return head, turns

        head, turns = await self._database.read(work)
        if head is None:
            return None
        return Conversation(
            id=conversation,
            created=head[0],
            updated=head[1],
            metadata=decode_metadata(head[2]),
            turns=[decode_turn(data) for (data,) in turns],
        )

    async def page(self, owner: str, limit: int = 20, after: str | None = None) -> ConversationPage:
        before = position(after) if after is not None else (float("inf"), "")
        rows = await self._database.read(
            lambda connection, now: connection.execute(_SUMMARIES, (owner, now, *before, limit + 1)).fetchall()
        )
        items = [
            ConversationSummary(
                id=row[0], created=row[1], updated=row[2], metadata=decode_metadata(row[3]), turns=row[4]
            )
            for row in rows[:limit]
        ]
        return ConversationPage(items, cursor(items[-1].updated, items[-1].id) if len(rows) > limit else None)

    async def delete(self, owner: str, conversation: str) -> bool:
        def work(connection: Connection, now: float) -> bool:
            (found,) = connection.execute(
                "SELECT count(*) FROM conversations WHERE owner = ? AND id = ? AND expires > ?",
                (owner, conversation, now),
            ).fetchone()
            connection.execute("DELETE FROM conversations WHERE owner = ? AND id = ?", (owner, conversation))
            return bool(found)

        return await self._database.write(work)

    def _touch(self, connection: Connection, owner: str, conversation: str, at: float, now: float) -> None:
        key = (owner, conversation)
        connection.execute("DELETE FROM conversations WHERE owner = ? AND id = ? AND expires <= ?", (*key, now))
        connection.execute(
            "INSERT INTO conversations (owner, id, created, updated, metadata, expires) VALUES (?, ?, ?, ?, '{}', ?)"
            " ON CONFLICT DO UPDATE SET updated = max(updated, excluded.updated), expires = excluded.expires",
            (*key, at, at, now + self._ttl),
        )
