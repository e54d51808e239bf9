"""Server-side history: a call with `conversation_id` gets the stored messages in front of its own (R7, S1).

Inside a conversation every call is chat-shaped on its way, whichever dialect the client speaks: the same history is
then readable in all of them. System prompts are the request's own affair and are not stored.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

from llmgateway.dialects.reply import Reply, StreamEncoder, text_deltas
from llmgateway.events import Event
from llmgateway.failures import Failure, TurnRefused
from llmgateway.fold import fold
from llmgateway.server.call import Call
from llmgateway.server.dialects import DIALECTS
from llmgateway.server.turn_record import TurnRecord
from llmgateway.storage.errors import StoreError
from llmgateway.storage.port import Conversations
from llmgateway.storage.records import Turn
from llmgateway.translate.table import TRANSLATORS
from llmgateway.translate.translated import Target, Translated
from llmgateway.wire import json_codec

logger = logging.getLogger(__name__)

MAX_ID = 200
NEUTRAL = Target(type="Scripted", model="", system_messages="Keep")
"""Between the client's dialect and the real upstream: chat that takes everything."""
SYSTEM = ("system", "developer")


class ConversationKeeper:
    """One turn of one conversation: reads the history before it, stores the exchange after it."""

    def __init__(self, conversations: Conversations, record: TurnRecord, identifier: str) -> None:
        """Raises TurnRefused (invalid_request) for an id that can't be one."""
        if not 0 < len(identifier) <= MAX_ID:
            message = f"Field conversation_id must have 1 to {MAX_ID} characters."
            raise TurnRefused(Failure(kind="invalid_request", message=message, param="conversation_id"))
        self._conversations = conversations
        self._record = record
        self._id = identifier
        self._new: list[dict[str, Any]] = []
        self._events: list[Event] = []
        self._reply: Reply | None = None
        record.conversation = identifier

    async def join(self, call: Call) -> None:
        """Makes the call chat-shaped, with the history in it. Raises TurnRefused."""
        translated = _as_chat(call)
        messages = translated.document.get("messages", [])
        self._new = [message for message in messages if message.get("role") not in SYSTEM]
        system = [message for message in messages if message.get("role") in SYSTEM]
        history = await self._history()
        translated.document["messages"] = [*system, *history, *self._new]
        call.become_chat(translated)

    async def _history(self) -> list[dict[str, Any]]:
        """The stored messages; none while the store is away (S2: requests go on)."""
        try:
            found = await self._conversations.read(self._record.client, self._id)
        except StoreError as error:
            logger.warning("a conversation could not be read: %s", error)
            self._record.store_away = True
            return []
        return found.messages if found else []

    def encoder(self, reply: Reply) -> StreamEncoder:
        """The client's encoder, with an ear in it."""
        self._reply = reply
        return _ListeningEncoder(DIALECTS[self._record.dialect].stream_encoder(reply), self._events)

    async def answered(self, reply: Reply, body: bytes, events: list[Event]) -> None:
        """A whole answer is about to be sent: stored first, so that the next request finds it."""
        self._reply = reply
        self._events = events
        await self.ended()

    async def ended(self) -> None:
        """Stores the exchange, once, if the model finished its turn."""
        reply, events, self._reply = self._reply, self._events, None
        answer = fold(events)
        if reply is None or answer.finish is None or answer.failure is not None:
            return
        document = json_codec.decode(DIALECTS["chat"].encode_whole(answer, reply))
        turn = Turn(
            id=reply.id, at=time.time(), messages=[*self._new, document["choices"][0]["message"]],
            dialect=self._record.dialect, model=self._record.model,
        )  # fmt: skip
        try:
            await self._conversations.append(self._record.client, self._id, turn)
        except StoreError as error:
            logger.warning("a turn could not be stored: %s", error)


class _ListeningEncoder:
    def __init__(self, inner: StreamEncoder, events: list[Event]) -> None:
        self._inner = inner
        self._events = events

    def encode(self, events: Sequence[Event]) -> bytes:
        self._events.extend(events)
        return self._inner.encode(events)

    def pass_texts(self, insides: bytes) -> bytes:
        return self.encode(text_deltas(insides))

    def keep_alive(self) -> bytes:
        return self._inner.keep_alive()


def _as_chat(call: Call) -> Translated:
    if call.dialect == "chat":
        document = {key: value for key, value in call.document.items() if key != "conversation_id"}
        if not isinstance(document.get("messages"), list):
            message = "Field messages must be a list."
            raise TurnRefused(Failure(kind="invalid_request", message=message, param="messages"))
        return Translated(document=document)
    return TRANSLATORS[call.dialect, "chat"](call.document, NEUTRAL)
