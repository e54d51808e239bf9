"""A stored response of the Responses API: created, its events logged while it streams, closed with its document.

Events are written in batches, at most FLUSH_EVERY seconds late: a stream costs the store a few writes, not one per
token. The log is what `starting_after` resumes from, on any replica.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from llmgateway.dialects.openai_responses import ResponsesStreamEncoder
from llmgateway.dialects.openai_responses.event_writer import NumberedEvent
from llmgateway.dialects.openai_responses.response_object import response_id
from llmgateway.dialects.reply import Reply, StreamEncoder, text_deltas
from llmgateway.events import Event
from llmgateway.storage.errors import StoreError
from llmgateway.storage.port import Responses
from llmgateway.storage.records import NewResponse, ResponseStatus, StoredEvent
from llmgateway.wire import json_codec

logger = logging.getLogger(__name__)

FLUSH_EVERY = 0.1
TERMINAL = (b"event: response.completed", b"event: response.incomplete", b"event: response.failed")


class ResponseKeeper:
    """One response of one owner. `stopped` is called when another replica closed it (cancel)."""

    def __init__(self, responses: Responses, owner: str, process: str, input_items: list[dict[str, Any]]) -> None:
        self._responses = responses
        self._owner = owner
        self._process = process
        self._input_items = input_items
        self._encoder: _RecordingEncoder | None = None
        self._created = False
        self._closed = False
        self._flushing: asyncio.Task[None] | None = None
        self.identifier = ""
        self.stopped: Callable[[], object] = bool

    def encoder(self, reply: Reply) -> StreamEncoder:
        """An encoder that also logs; always the same one."""
        self.identifier = response_id(reply)
        self._encoder = self._encoder or _RecordingEncoder(reply, self._logged)
        return self._encoder

    async def begin(self, status: ResponseStatus, document: dict[str, Any]) -> None:
        """Stores the response before its first event. Raises StoreError."""
        self._created = True
        new = NewResponse(
            id=document["id"], at=time.time(), document=document, input_items=self._input_items, status=status,
            process=self._process,
        )  # fmt: skip
        await self._responses.create(self._owner, new)

    async def answered(self, reply: Reply, body: bytes, events: list[Event]) -> None:
        """A whole answer: created and closed at once."""
        self._closed = True
        document = json_codec.decode(body)
        try:
            await self.begin("in_progress", document)
            await self._responses.finish(self._owner, document["id"], document["status"], document)
        except StoreError as error:
            logger.warning("a response could not be stored: %s", error)

    async def ended(self) -> None:
        """Closes the response; one without its terminal event was left by its client, or refused before it began."""
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.gather(self._flushing, return_exceptions=True)
        encoder = self._encoder
        if self._closed or encoder is None or not (self._created or encoder.waiting):
            return
        self._closed = True
        document = encoder.final or encoder.response_object("cancelled")
        try:
            await self._create()
            await self._responses.finish(
                self._owner, self.identifier, document["status"], document, _stored(encoder.take())
            )
        except StoreError as error:
            logger.warning("a response could not be stored: %s", error)

    def _logged(self) -> None:
        if self._flushing is None or self._flushing.done():
            self._flushing = asyncio.create_task(self._flush())

    async def _flush(self) -> None:
        await asyncio.sleep(FLUSH_EVERY)
        encoder = self._encoder
        if encoder is None or encoder.final is not None:
            return  # the last events are written with the closing
        try:
            await self._create()
            goes_on = await self._responses.append_events(self._owner, self.identifier, _stored(encoder.take()))
        except StoreError as error:
            logger.warning("events of a response could not be stored: %s", error)
            return
        if not goes_on:
            self._closed = True
            self.stopped()

    async def _create(self) -> None:
        if not self._created and self._encoder is not None:
            await self.begin("in_progress", self._encoder.response_object("in_progress"))


class _RecordingEncoder:
    """The dialect's encoder, with a log of what it sent."""

    def __init__(self, reply: Reply, logged: Callable[[], None]) -> None:
        self._inner = ResponsesStreamEncoder(reply)
        self._logged = logged
        self.waiting: list[NumberedEvent] = []
        self.final: dict[str, Any] | None = None

    def encode(self, events: Sequence[Event]) -> bytes:
        """As the dialect's."""
        return self._log(self._inner.encode_each(events, completed_at=int(time.time())))

    def pass_texts(self, insides: bytes) -> bytes:
        """As the dialect's."""
        return self.encode(text_deltas(insides))

    def keep_alive(self) -> bytes:
        """As the dialect's: keep-alives have numbers too."""
        return self._log(self._inner.keep_alive_each())

    def response_object(self, status: ResponseStatus) -> dict[str, Any]:
        """The response as it stands."""
        return self._inner.response_object(status)

    def take(self) -> list[NumberedEvent]:
        """What was not written yet."""
        waiting, self.waiting = self.waiting, []
        return waiting

    def _log(self, numbered: list[NumberedEvent]) -> bytes:
        if not numbered:
            return b""
        self.waiting += numbered
        last = numbered[-1][1]
        if last.startswith(TERMINAL):
            self.final = json_codec.decode(last.partition(b"\ndata: ")[2])["response"]
        self._logged()
        return b"".join([data for _, data in numbered])


def _stored(events: list[NumberedEvent]) -> list[StoredEvent]:
    return [StoredEvent(number, data) for number, data in events]
