"""Sessions in Valkey: counters are added, peaks compared and entries appended on the server."""

from __future__ import annotations

from typing import Any

from llmgateway.storage.json_records import decode_document, encode
from llmgateway.storage.records import SESSION_ENTRIES, Session, SessionKey, SessionTurn, Suspension
from llmgateway.storage.valkey.connection import Part, ValkeyConnection
from llmgateway.storage.valkey.keys import member, milliseconds, names_of, tagged
from llmgateway.wire import json_codec

_TOUCH = """
-- KEYS: session. ARGV: time, ttl in ms
redis.call('HSETNX', KEYS[1], 'started', ARGV[1])
local active = redis.call('HGET', KEYS[1], 'active')
if not active or tonumber(active) < tonumber(ARGV[1]) then redis.call('HSET', KEYS[1], 'active', ARGV[1]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_NOTE = f"""{_TOUCH}
-- KEYS: entries as well. ARGV: as well turn id, entry, most entries, then how, field and value of each figure
local head = ARGV[3] .. '\\n'
for _, entry in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
  if string.sub(entry, 1, #head) == head then return end
end
redis.call('RPUSH', KEYS[2], head .. ARGV[4])
redis.call('LTRIM', KEYS[2], -tonumber(ARGV[5]), -1)
redis.call('PEXPIRE', KEYS[2], ARGV[2])
for index = 6, #ARGV, 3 do
  local how, field, value = ARGV[index], ARGV[index + 1], ARGV[index + 2]
  if how == 'counter' then
    redis.call('HINCRBY', KEYS[1], field, value)
  else
    local before = how == 'peak' and redis.call('HGET', KEYS[1], field)
    if not before or tonumber(before) < tonumber(value) then redis.call('HSET', KEYS[1], field, value) end
  end
end
"""


class ValkeySessions:
    """Implements `port.Sessions`. The process's index is written first: an entry too many suspends a session that
    ended well, one too few would let a stuck turn go on."""

    def __init__(self, connection: ValkeyConnection, ttl: float) -> None:
        self._connection = connection
        self._ttl = milliseconds(ttl)
        self._touch, self._note = map(connection.script, (_TOUCH, _NOTE))

    async def touch(self, session: SessionKey, process: str, at: float) -> None:
        await self._index(session, process, at)
        await self._touch([_key(session)], [repr(at), self._ttl])

    async def note(self, session: SessionKey, process: str, turn: SessionTurn) -> None:
        await self._index(session, process, turn.at)
        figures: list[Part] = []
        for name, amount in turn.counters.items():
            figures += ["counter", f"counter:{name}", amount]
        for name, value in turn.peaks.items():
            figures += ["peak", f"peak:{name}", repr(value)]
        for name, fact in turn.facts.items():
            figures += ["fact", f"fact:{name}", encode(fact)]
        arguments = [repr(turn.at), self._ttl, turn.id, encode(turn.entry), SESSION_ENTRIES, *figures]
        await self._note([_key(session), _entries(session)], arguments)

    async def read(self, session: SessionKey) -> Session | None:
        fields, entries = await self._connection.call_all(
            [("HGETALL", _key(session)), ("LRANGE", _entries(session), 0, -1)]
        )
        if b"started" not in fields:
            return None
        return Session(
            id=session.id,
            started=float(fields[b"started"]),
            active=float(fields[b"active"]),
            counters=_named(fields, b"counter:"),
            peaks=_named(fields, b"peak:"),
            facts=_named(fields, b"fact:"),
            entries=[decode_document(entry.partition(b"\n")[2]) for entry in entries],
        )

    async def forget(self, session: SessionKey) -> bool:
        deleted = await self._connection.call("DEL", _key(session), _entries(session))
        return bool(deleted)

    async def active_since(self, process: str, since: float) -> list[SessionKey]:
        names = await self._connection.call("ZRANGEBYSCORE", _of_process(process), repr(since), "+inf")
        return [SessionKey(*names_of(name.decode())) for name in names]

    async def suspend(self, session: SessionKey, suspension: Suspension) -> None:
        value = f"{suspension.at!r} {suspension.reason}"
        await self._connection.call("SET", _mark(session), value, "PX", self._ttl, "NX")

    async def suspension(self, session: SessionKey) -> Suspension | None:
        return _suspension(await self._connection.call("GET", _mark(session)))

    async def take_suspension(self, session: SessionKey) -> Suspension | None:
        return _suspension(await self._connection.call("GETDEL", _mark(session)))

    async def _index(self, session: SessionKey, process: str, at: float) -> None:
        index, name = _of_process(process), member(session.owner, session.id)
        await self._connection.call_all([("ZADD", index, "GT", repr(at), name), ("PEXPIRE", index, self._ttl)])


def _named(fields: dict[bytes, bytes], prefix: bytes) -> dict[str, Any]:
    """Fields with a prefix, which is cut off; numbers are JSON as well."""
    found = ((name, value) for name, value in fields.items() if name.startswith(prefix))
    return {name[len(prefix) :].decode(): json_codec.decode(value) for name, value in found}


def _suspension(value: bytes | None) -> Suspension | None:
    if value is None:
        return None
    at, _, reason = value.decode().partition(" ")
    return Suspension(reason, float(at))


def _key(session: SessionKey) -> str:
    return tagged("session", session.owner, session.id)


def _entries(session: SessionKey) -> str:
    return f"{_key(session)}:entries"


def _mark(session: SessionKey) -> str:
    return f"{_key(session)}:suspended"


def _of_process(process: str) -> str:
    return f"{tagged('process', process)}:sessions"
