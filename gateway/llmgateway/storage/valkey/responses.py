"""Responses in Valkey. The event log is a stream: followers on any replica wait with XREAD BLOCK, and the entry's id
says the event's number, so that a retried write adds nothing twice."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

from llmgateway.storage.event_pages import page_after
from llmgateway.storage.json_records import decode_document, decode_documents, encode
from llmgateway.storage.records import (
    OPEN_STATUSES,
    Document,
    EventPage,
    NewResponse,
    ResponseKey,
    ResponseStatus,
    StoredEvent,
    StoredResponse,
)
from llmgateway.storage.valkey.connection import Part, ValkeyConnection
from llmgateway.storage.valkey.keys import member, milliseconds, names_of, tagged

_CREATE = """
-- KEYS: response. ARGV: ttl in ms, fields and values
if redis.call('EXISTS', KEYS[1]) == 1 then return end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('PEXPIRE', KEYS[1], ARGV[1])
"""
_ADD = """
-- KEYS: response, events. ARGV: ttl of each in ms, new status or '', new document, number and data of each event
local status = redis.call('HGET', KEYS[1], 'status')
if status ~= 'queued' and status ~= 'in_progress' then return 0 end
local last = tonumber(redis.call('HGET', KEYS[1], 'last'))
for index = 5, #ARGV, 2 do
  local number = tonumber(ARGV[index])
  if number > last then
    redis.call('XADD', KEYS[2], string.format('%d-0', number + 1), 'data', ARGV[index + 1])
    last = number
  end
end
redis.call('HSET', KEYS[1], 'last', last)
if ARGV[3] ~= '' then
  redis.call('HSET', KEYS[1], 'status', ARGV[3], 'document', ARGV[4])
  redis.call('XADD', KEYS[2], string.format('%d-1', last + 1), 'closed', '')
end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return 1
"""
_HEAD = ("status", "last")
_FIELDS = ("at", "document", "input_items", "status", "process", "last")


class ValkeyResponses:
    """Implements `port.Responses`."""

    def __init__(self, connection: ValkeyConnection, ttl: float, events_ttl: float) -> None:
        self._connection = connection
        self._ttl, self._events_ttl = milliseconds(ttl), milliseconds(events_ttl)
        self._create, self._add = map(connection.script, (_CREATE, _ADD))

    async def create(self, owner: str, response: NewResponse) -> None:
        """The process's index is written first: an index entry without a response is skipped, the reverse is lost."""
        index = _of_process(response.process)
        marks: list[tuple[Part, ...]] = [("SADD", index, member(owner, response.id)), ("PEXPIRE", index, self._ttl)]
        await self._connection.call_all(marks)
        fields: list[Part] = ["at", repr(response.at), "status", response.status, "process", response.process]
        fields += ["document", encode(response.document), "input_items", encode(response.input_items), "last", -1]
        await self._create([_key(owner, response.id)], [self._ttl, *fields])

    async def append_events(self, owner: str, response: str, events: Sequence[StoredEvent]) -> bool:
        if not events:
            status, _ = await self._connection.call("HMGET", _key(owner, response), *_HEAD)
            return status is not None and status.decode() in OPEN_STATUSES
        return await self._write(owner, response, "", b"", events)

    async def finish(
        self, owner: str, response: str, status: ResponseStatus, document: Document, events: Sequence[StoredEvent] = ()
    ) -> bool:
        key = _key(owner, response)
        process = await self._connection.call("HGET", key, "process")
        is_first = await self._write(owner, response, status, encode(document), events)
        if process is not None:
            await self._connection.call("SREM", _of_process(process.decode()), member(owner, response))
        return is_first

    async def read(self, owner: str, response: str) -> StoredResponse | None:
        at, document, items, status, process, last = await self._connection.call(
            "HMGET", _key(owner, response), *_FIELDS
        )
        if status is None:
            return None
        return StoredResponse(
            id=response,
            at=float(at),
            document=decode_document(document),
            input_items=decode_documents(items),
            status=status.decode(),
            process=process.decode(),
            last_event=int(last),
        )

    async def wait_events(self, owner: str, response: str, after: int, timeout: float) -> EventPage | None:  # noqa: ASYNC109 - as in the port
        deadline = monotonic() + timeout
        while True:
            page = await self._page(owner, response, after)
            left = deadline - monotonic()
            if page is None or page.events or page.is_closed or page.is_cut or left <= 0:
                return page
            await self._connection.follow(_log(owner, response), f"{after + 1}-0", left)

    async def delete(self, owner: str, response: str) -> bool:
        """Those who wait for events see it when they look again, after FOLLOWER_WAIT at most."""
        is_there, _ = await self._connection.call_all(
            [("EXISTS", _key(owner, response)), ("DEL", _key(owner, response), _log(owner, response))]
        )
        return bool(is_there)

    async def open_of(self, process: str) -> list[ResponseKey]:
        keys = [
            ResponseKey(*names_of(name.decode()))
            for name in await self._connection.call("SMEMBERS", _of_process(process))
        ]
        heads = await self._connection.call_all([("HGET", _key(key.owner, key.id), "status") for key in keys])
        return [
            key
            for key, status in zip(keys, heads, strict=True)
            if status is not None and status.decode() in OPEN_STATUSES
        ]

    async def _page(self, owner: str, response: str, after: int) -> EventPage | None:
        """The head is read before the log: events that come between are told as if they had come later."""
        (status, last), entries = await self._connection.call_all(
            [
                ("HMGET", _key(owner, response), *_HEAD),
                ("XRANGE", _log(owner, response), f"({after + 1}-0", "+"),
            ]
        )
        if status is None:
            return None
        events = [
            StoredEvent(int(name.partition(b"-")[0]) - 1, fields[b"data"])
            for name, fields in entries
            if b"data" in fields
        ]
        return page_after(after, events, last_event=int(last), is_closed=status.decode() not in OPEN_STATUSES)

    async def _write(
        self, owner: str, response: str, status: str, document: bytes, events: Sequence[StoredEvent]
    ) -> bool:
        numbered = [part for event in events for part in (event.number, event.data)]
        keys = [_key(owner, response), _log(owner, response)]
        return bool(await self._add(keys, [self._ttl, self._events_ttl, status, document, *numbered]))


def _key(owner: str, response: str) -> str:
    return tagged("response", owner, response)


def _log(owner: str, response: str) -> str:
    return f"{_key(owner, response)}:events"


def _of_process(process: str) -> str:
    return f"{tagged('process', process)}:responses"
