"""Conversations in memory."""

from __future__ import annotations

from msgspec import Struct, field

from llmgateway.storage.json_records import cursor, decode_turn, encode, position
from llmgateway.storage.memory.expiring_table import Clock, ExpiringTable
from llmgateway.storage.records import Conversation, ConversationPage, ConversationSummary, Turn


class _Kept(Struct):
    created: float
    updated: float
    metadata: dict[str, str] = field(default_factory=dict)
    turns: dict[str, bytes] = field(default_factory=dict)
    """JSON by turn id, in order."""
    size: int = 0


class MemoryConversations:
    """Implements `port.Conversations`."""

    def __init__(self, ttl: float, clock: Clock, max_bytes: int) -> None:
        self._table: ExpiringTable[tuple[str, str], _Kept] = ExpiringTable(ttl, clock, max_bytes)

    async def append(self, owner: str, conversation: str, turn: Turn) -> None:
        kept = self._get_or_begin(owner, conversation, turn.at)
        if turn.id not in kept.turns:
            kept.turns[turn.id] = encode(turn)
            kept.size += len(kept.turns[turn.id])
        self._table.put((owner, conversation), kept, kept.size)

    async def describe(self, owner: str, conversation: str, metadata: dict[str, str], at: float) -> None:
        kept = self._get_or_begin(owner, conversation, at)
        kept.metadata = dict(metadata)
        self._table.put((owner, conversation), kept, kept.size)

    async def read(self, owner: str, conversation: str) -> Conversation | None:
        kept = self._table.get((owner, conversation))
        if kept is None:
            return None
        turns = [decode_turn(data) for data in kept.turns.values()]
        metadata = dict(kept.metadata)
        return Conversation(id=conversation, created=kept.created, updated=kept.updated, metadata=metadata, turns=turns)

    async def page(self, owner: str, limit: int = 20, after: str | None = None) -> ConversationPage:
        before = position(after) if after is not None else None
        found = sorted(
            ((kept.updated, key[1], kept) for key, kept in self._table.items() if key[0] == owner),
            key=lambda row: row[:2],
            reverse=True,
        )
        rows = [row for row in found if before is None or row[:2] < before]
        items = [_summary(identifier, kept) for _, identifier, kept in rows[:limit]]
        return ConversationPage(items, cursor(items[-1].updated, items[-1].id) if len(rows) > limit else None)

    async def delete(self, owner: str, conversation: str) -> bool:
        return self._table.pop((owner, conversation)) is not None

    def _get_or_begin(self, owner: str, conversation: str, at: float) -> _Kept:
        kept = self._table.get((owner, conversation)) or _Kept(created=at, updated=at)
        kept.updated = max(kept.updated, at)
        return kept


def _summary(identifier: str, kept: _Kept) -> ConversationSummary:
    return ConversationSummary(
        id=identifier,
        created=kept.created,
        updated=kept.updated,
        turns=len(kept.turns),
        metadata=dict(kept.metadata),
    )
