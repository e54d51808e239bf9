"""Conversations in Valkey: one hash each, so that it is evicted, expired and deleted whole; one script per write, so
that any number of replicas may append at once. A turn's id is a field's name: a retry finds it there."""

from __future__ import annotations

from llmgateway.storage.json_records import cursor, decode_metadata, decode_turn, encode, position
from llmgateway.storage.records import Conversation, ConversationPage, ConversationSummary, Turn
from llmgateway.storage.valkey.connection import Part, ValkeyConnection
from llmgateway.storage.valkey.keys import member, milliseconds, names_of, tagged

_WRITE = """
-- KEYS: conversation, index. ARGV: id in the index, time, ttl in ms, field, value, whether the value is a turn
if ARGV[6] == '0' then
  redis.call('HSET', KEYS[1], ARGV[4], ARGV[5])
elseif redis.call('HEXISTS', KEYS[1], ARGV[4]) == 0 then
  local number = redis.call('HINCRBY', KEYS[1], 'turns', 1)
  redis.call('HSET', KEYS[1], ARGV[4], number .. ' ' .. ARGV[5])
end
redis.call('HSETNX', KEYS[1], 'created', ARGV[2])
local updated = redis.call('HGET', KEYS[1], 'updated')
if not updated or tonumber(updated) < tonumber(ARGV[2]) then redis.call('HSET', KEYS[1], 'updated', ARGV[2]) end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('ZADD', KEYS[2], 'GT', ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
"""
_DELETE = """
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('DEL', KEYS[1])
"""
_PAGE = """
-- KEYS: index. ARGV: highest time, how many more than those that share this time
local ties = 0
if ARGV[1] ~= '+inf' then ties = redis.call('ZCOUNT', KEYS[1], ARGV[1], ARGV[1]) end
return redis.call('ZREVRANGEBYSCORE', KEYS[1], ARGV[1], '-inf', 'WITHSCORES', 'LIMIT', 0, ties + ARGV[2])
"""
_TURN = b"turn:"


class ValkeyConversations:
    """Implements `port.Conversations`."""

    def __init__(self, connection: ValkeyConnection, ttl: float) -> None:
        self._connection = connection
        self._ttl = milliseconds(ttl)
        self._write, self._delete, self._page = map(connection.script, (_WRITE, _DELETE, _PAGE))

    async def append(self, owner: str, conversation: str, turn: Turn) -> None:
        arguments: list[Part] = [member(conversation), repr(turn.at), self._ttl, f"turn:{turn.id}", encode(turn), 1]
        await self._write(_keys(owner, conversation), arguments)

    async def describe(self, owner: str, conversation: str, metadata: dict[str, str], at: float) -> None:
        arguments: list[Part] = [member(conversation), repr(at), self._ttl, "metadata", encode(metadata), 0]
        await self._write(_keys(owner, conversation), arguments)

    async def read(self, owner: str, conversation: str) -> Conversation | None:
        fields: dict[bytes, bytes] = await self._connection.call("HGETALL", _keys(owner, conversation)[0])
        if b"created" not in fields:
            return None
        numbered = [value.partition(b" ") for name, value in fields.items() if name.startswith(_TURN)]
        numbered.sort(key=lambda parts: int(parts[0]))
        return Conversation(
            id=conversation,
            created=float(fields[b"created"]),
            updated=float(fields[b"updated"]),
            metadata=decode_metadata(fields.get(b"metadata", b"{}")),
            turns=[decode_turn(data) for _, _, data in numbered],
        )

    async def page(self, owner: str, limit: int = 20, after: str | None = None) -> ConversationPage:
        """Ids whose conversation was evicted or expired leave the index here."""
        before = (float("inf"), "")
        if after is not None:
            updated, identifier = position(after)
            before = (updated, member(identifier))
        items: list[ConversationSummary] = []
        while len(items) <= limit:
            ids = await self._ids(owner, before, limit + 1)
            if not ids:
                return ConversationPage(items)
            items += await self._summaries(owner, [names_of(name)[0] for _, name in ids])
            before = ids[-1]
        del items[limit:]
        return ConversationPage(items, cursor(items[-1].updated, items[-1].id))

    async def delete(self, owner: str, conversation: str) -> bool:
        return bool(await self._delete(_keys(owner, conversation), [member(conversation)]))

    async def _ids(self, owner: str, before: tuple[float, str], count: int) -> list[tuple[float, str]]:
        """The next ids in the server's order: by time, then by encoded name."""
        highest = "+inf" if before[0] == float("inf") else repr(before[0])
        flat = await self._page([_index(owner)], [highest, count])
        found = [(float(score), name.decode()) for name, score in zip(flat[::2], flat[1::2], strict=True)]
        return [row for row in found if row < before]

    async def _summaries(self, owner: str, ids: list[str]) -> list[ConversationSummary]:
        fields = ("created", "updated", "turns", "metadata")
        rows = await self._connection.call_all([("HMGET", _keys(owner, each)[0], *fields) for each in ids])
        gone = [member(each) for each, row in zip(ids, rows, strict=True) if row[0] is None]
        if gone:
            await self._connection.call("ZREM", _index(owner), *gone)
        return [
            ConversationSummary(
                id=each,
                created=float(row[0]),
                updated=float(row[1]),
                turns=int(row[2] or 0),
                metadata=decode_metadata(row[3] or b"{}"),
            )
            for each, row in zip(ids, rows, strict=True)
            if row[0] is not None
        ]


def _index(owner: str) -> str:
    return f"{tagged('owner', owner)}:conversations"


def _keys(owner: str, conversation: str) -> tuple[str, str]:
    return f"{tagged('owner', owner)}:conversation:{member(conversation)}", _index(owner)
