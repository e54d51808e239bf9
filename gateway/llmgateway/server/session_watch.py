"""The session that a turn belongs to: found, read before the turn, noted after it (W7), told when it must start afresh
(H2). A store that is away costs the session its memory, never the request."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec

from llmgateway.policies.session_facts import SessionFacts, TurnOutcome, session_update
from llmgateway.policies.session_id import fingerprint, from_document, from_headers
from llmgateway.server.call import Call
from llmgateway.server.turn_record import TurnRecord
from llmgateway.storage.errors import StoreError
from llmgateway.storage.port import Sessions
from llmgateway.storage.records import SessionKey, SessionTurn
from llmgateway.wire import json_codec

_raw_items = json_codec.typed_decoder(list[msgspec.Raw]).decode
DECODED_AT_ONCE = 8192
"""Bytes of a request up to which it is decoded whole: finding its first items would cost as much."""
TOLD_IN = frozenset({"metadata", "conversation_id"})
FIRST_ITEMS = 8
"""A conversation's system prompt and first user message stand within so many items."""


class SessionWatch:
    """One turn of one session."""

    def __init__(self, sessions: Sessions, process: str, record: TurnRecord) -> None:
        self._sessions = sessions
        self._process = process
        self._record = record
        self._key = SessionKey(record.client, "")
        self.facts = SessionFacts()

    async def begin(self, call: Call, headers: Mapping[bytes, bytes]) -> None:
        """Finds the session and what is known of it."""
        record = self._record
        record.session = _session_of(call, headers, record.client)
        self._key = SessionKey(record.client, record.session)
        try:
            found = await self._sessions.begin(self._key, self._process, time.time())
        except StoreError:
            record.store_away = True
            return
        if found.suspension is not None:
            record.suspended = found.suspension.reason
        known = found.known
        if known is not None:
            self.facts = SessionFacts(
                counters=known.counters, peaks=known.peaks, facts=known.facts, entries=known.entries
            )

    async def end(self) -> None:
        """Notes the turn, however it ended; nothing where it reached no upstream."""
        record, request = self._record, self._record.request_facts
        if request is None:
            return
        outcome = TurnOutcome(
            usage=record.outcome.usage, tools=record.outcome.tools, failure=record.failure or record.outcome.failure
        )
        update = session_update(request, outcome, self.facts)
        turn = SessionTurn(
            id=record.request_id, at=time.time(), counters=update.counters, peaks=update.peaks, facts=update.facts,
            entry=update.entry,
        )  # fmt: skip
        try:
            await self._sessions.note(self._key, self._process, turn)
        except StoreError:
            record.store_away = True


def _session_of(call: Call, headers: Mapping[bytes, bytes], client: str) -> str:
    """By the precedence of W7. Of a long document the beginning is enough."""
    found = from_headers(headers)
    if found is None:
        document = call.document if len(call.body) <= DECODED_AT_ONCE else _beginning(call)
        told = None if TOLD_IN.isdisjoint(document) else from_document(document)
        found = told or fingerprint(document, call.dialect, client)
    return found.id


def _beginning(call: Call) -> dict[str, Any]:
    names = ("model", "metadata", "conversation_id", "system", "instructions")
    beginning: dict[str, Any] = {name: call.field(name) for name in names if name in call.fields}
    items = "input" if call.dialect == "responses" else "messages"
    raw = call.fields.get(items)
    if raw is not None:
        data = bytes(raw)
        is_list = data.lstrip().startswith(b"[")
        beginning[items] = [_item(each) for each in _raw_items(data)[:FIRST_ITEMS]] if is_list else call.field(items)
    return beginning


def _item(raw: msgspec.Raw) -> Any:
    return json_codec.decode(bytes(raw))
