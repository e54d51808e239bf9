"""POST /v1/responses: the turn with its context, stored where the client wants it, in the background where asked."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping

from llmgateway.dialects.openai_responses import response_object
from llmgateway.dialects.reply import Reply
from llmgateway.events import TurnFailed
from llmgateway.failures import TurnRefused
from llmgateway.policies.session_facts import SessionFacts
from llmgateway.server.call import Call
from llmgateway.server.conversation_keeper import ConversationKeeper
from llmgateway.server.response_follower import follow
from llmgateway.server.response_headers import answer_headers
from llmgateway.server.response_keeper import ResponseKeeper
from llmgateway.server.responses_turn import STORE_AWAY, discard, wants_background, wants_storing, with_context
from llmgateway.server.services import Services
from llmgateway.server.snapshot import Snapshot
from llmgateway.server.stream_pump import Send
from llmgateway.server.turn_keeper import NothingKept, TurnKeeper
from llmgateway.server.turn_plan import reply_for
from llmgateway.server.turn_record import TurnRecord
from llmgateway.server.turn_service import TurnService
from llmgateway.storage.errors import StoreError
from llmgateway.wire import json_codec


class ResponsesService:
    """One request of the Responses API."""

    def __init__(
        self,
        snapshot: Snapshot,
        services: Services,
        record: TurnRecord,
        headers: Mapping[bytes, bytes],
        send: Send,
        session: SessionFacts,
    ) -> None:
        self._snapshot = snapshot
        self._services = services
        self._record = record
        self._headers = headers
        self._send = send
        self._session = session

    async def serve(self, call: Call) -> None:
        """Answers the call. Raises TurnRefused when nothing was sent yet."""
        responses = self._services.store.responses
        items = await with_context(call, responses, self._record.client)
        background = wants_background(call)
        conversation = call.text_field("conversation_id")
        if conversation is not None:
            keeper = ConversationKeeper(self._services.store.conversations, self._record, conversation)
            reply = self._reply(call)
            await keeper.join(call)
            await self._turn(call, reply, keeper, self._send)
        elif not wants_storing(call):
            await self._turn(call, self._reply(call), NothingKept(self._record), self._send)
        else:
            stored = ResponseKeeper(responses, self._record.client, self._services.process, items)
            if background:
                await self._in_background(call, stored)
            else:
                await self._turn(call, self._reply(call), stored, self._send)

    def _reply(self, call: Call) -> Reply:
        return reply_for(call, self._headers.get(b"user-agent", b""), os.urandom(16).hex(), int(time.time()))

    async def _turn(self, call: Call, reply: Reply, keeper: TurnKeeper, send: Send) -> None:
        service = TurnService(self._snapshot, self._record, self._headers, send, keeper, self._session)
        try:
            await service.serve(call, reply)
        finally:
            await keeper.ended()

    async def _in_background(self, call: Call, keeper: ResponseKeeper) -> None:
        """The turn goes on without the client, who polls, follows its events, or cancels it."""
        wants_stream, call.stream = call.stream, True
        call.document["stream"] = True  # its events are logged as they come, and only a stream can be cancelled
        reply = self._reply(call)
        document = response_object(reply, "in_progress")
        try:
            await keeper.begin("in_progress", document)
        except StoreError:
            raise TurnRefused(STORE_AWAY) from None
        task = asyncio.create_task(self._run(call, reply, keeper))
        keeper.stopped = task.cancel
        self._services.background.add(document["id"], task)
        self._record.status = 200
        if wants_stream:
            await follow(
                self._services.store.responses, self._record, document["id"], -1, self._send, self._snapshot.keep_alive
            )
            return
        body = json_codec.encode(document)
        headers = answer_headers(self._record, b"application/json", len(body))
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def _run(self, call: Call, reply: Reply, keeper: ResponseKeeper) -> None:
        encoder = keeper.encoder(reply)
        record = TurnRecord(self._record.dialect, self._headers)
        record.client = self._record.client
        service = TurnService(self._snapshot, record, self._headers, discard, keeper, self._session)
        try:
            await service.serve(call, reply)
        except TurnRefused as refused:
            encoder.encode([TurnFailed(refused.failure)])
        finally:
            await keeper.ended()
