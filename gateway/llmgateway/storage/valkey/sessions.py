"""Sessions in Valkey: counters are added, peaks compared and entries appended on the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmgateway.storage.json_records import decode_document, encode
from llmgateway.storage.records import SESSION_ENTRIES, Beginning, Session, SessionKey, SessionTurn, Suspension
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
_BEGIN = f"""
-- KEYS: session, entries, mark. ARGV: time, ttl in ms
local mark = redis.call('GET', KEYS[3])
if mark then redis.call('DEL', KEYS[1], KEYS[2], KEYS[3]) end
local known, entries = redis.call('HGETALL', KEYS[1]), redis.call('LRANGE', KEYS[2], 0, -1)
{_TOUCH.replace("redis.call('HS", "redis.pcall('HS")}
return {{mark, known, entries}}
"""
"""A server that is full refuses to write, which is no reason not to tell what it has: hence the `pcall`."""
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
    """Implements `port.Sessions`. The process's index is written first, in the same round trip: an entry too many
    suspends a session that ended well, one too few would let a stuck turn go on."""

    def __init__(self, connection: ValkeyConnection, ttl: float) -> None:
        self._connection = connection
        self._ttl = milliseconds(ttl)
        self._begin, self._note = map(connection.script, (_BEGIN, _NOTE))

    async def begin(self, session: SessionKey, process: str, at: float) -> Beginning:
        keys = [_key(session), _entries(session), _mark(session)]
        index = self._index(session, process, at)
        mark, flat, entries = await self._begin.after(index, keys, [repr(at), self._ttl])
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        return Beginning(_session(session.id, fields, entries), _suspension(mark))

    async def note(self, session: SessionKey, process: str, turn: SessionTurn) -> None:
        figures: list[Part] = []
        for name, amount in turn.counters.items():
            figures += ["counter", f"counter:{name}", amount]
        for name, value in turn.peaks.items():
            figures += ["peak", f"peak:{name}", repr(value)]
        for name, fact in turn.facts.items():
            figures += ["fact", f"fact:{name}", encode(fact)]
        arguments = [repr(turn.at), self._ttl, turn.id, encode(turn.entry), SESSION_ENTRIES, *figures]
        index = self._index(session, process, turn.at)
        await self._note.after(index, [_key(session), _entries(session)], arguments)

    async def read(self, session: SessionKey) -> Session | None:
        fields, entries = await self._connection.call_all(
            [("HGETALL", _key(session)), ("LRANGE", _entries(session), 0, -1)]
        )
        return _session(session.id, fields, entries)

    async def active_since(self, process: str, since: float) -> list[SessionKey]:
        names = await self._connection.call("ZRANGEBYSCORE", _of_process(process), repr(since), "+inf")
        return [SessionKey(*names_of(name.decode())) for name in names]

    async def suspend(self, session: SessionKey, suspension: Suspension) -> None:
        value = f"{suspension.at!r} {suspension.reason}"
        await self._connection.call("SET", _mark(session), value, "PX", self._ttl, "NX")

    async def suspension(self, session: SessionKey) -> Suspension | None:
        return _suspension(await self._connection.call("GET", _mark(session)))

    def _index(self, session: SessionKey, process: str, at: float) -> Sequence[Sequence[Part]]:
        index, name = _of_process(process), member(session.owner, session.id)
        return [("ZADD", index, "GT", repr(at), name), ("PEXPIRE", index, self._ttl)]


def _session(identifier: str, fields: dict[bytes, bytes], entries: list[bytes]) -> Session | None:
    if b"started" not in fields:
        return None
    return Session(
        id=identifier,
        started=float(fields[b"started"]),
        active=float(fields[b"active"]),
        counters=_named(fields, b"counter:"),
        peaks=_named(fields, b"peak:"),
        facts=_named(fields, b"fact:"),
        entries=[decode_document(entry.partition(b"\n")[2]) for entry in entries],
    )


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
