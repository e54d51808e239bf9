"""The hot routes: POSTs of the client dialects as raw ASGI, in front of FastAPI and its middleware."""

from __future__ import annotations

import logging
import os
import time

from llmgateway.failures import Failure, TurnRefused
from llmgateway.server.call import Call
from llmgateway.server.client_watch import ClientWatch
from llmgateway.server.conversation_keeper import ConversationKeeper
from llmgateway.server.dialects import DIALECTS
from llmgateway.server.request_body import ClientLeft, Receive, read_body
from llmgateway.server.response_headers import error_headers
from llmgateway.server.responses_service import ResponsesService
from llmgateway.server.services import Services
from llmgateway.server.session_watch import SessionWatch
from llmgateway.server.snapshot import Snapshot
from llmgateway.server.stream_pump import Send
from llmgateway.server.turn_keeper import NothingKept, TurnKeeper
from llmgateway.server.turn_plan import reply_for
from llmgateway.server.turn_record import CLIENT_LEFT, TurnRecord
from llmgateway.server.turn_service import RefusedVerbatim, TurnService

logger = logging.getLogger(__name__)

INTERNAL = Failure(
    kind="internal", message="The gateway failed on this request: its log says why, under the request's id."
)


async def serve_turn(
    record: TurnRecord,
    snapshot: Snapshot,
    services: Services,
    headers: dict[bytes, bytes],
    receive: Receive,
    send: Send,
) -> None:
    """One request, from its body to its last byte. Raises nothing for what a client or an upstream does."""
    try:
        record.client = await snapshot.access.client_of(headers)
        body = await read_body(receive, headers, snapshot.max_body_bytes)
        record.stages.mark("receive")
        async with ClientWatch(receive):
            ticket = await snapshot.limits.charge(record, len(body), services.store.limits)
            try:
                await _serve(Call(record.dialect, body), record, snapshot, services, headers, send)
            finally:
                if ticket is not None:
                    await ticket.settle(record.outcome.usage.input_tokens + record.outcome.usage.output_tokens)
    except ClientLeft:
        record.status = CLIENT_LEFT
    except TurnRefused as refused:
        await _refuse(refused, record, send)
    except Exception:
        logger.exception("request %s failed inside the gateway", record.request_id)
        if record.first_byte_after is not None:
            raise  # the server closes the connection: a stream without its ending is no success anywhere
        await _refuse(TurnRefused(INTERNAL), record, send)


async def _serve(
    call: Call, record: TurnRecord, snapshot: Snapshot, services: Services, headers: dict[bytes, bytes], send: Send
) -> None:
    """The turn, with its session and what is to be kept of it."""
    session = SessionWatch(services.store.sessions, services.process, record)
    await session.begin(call, headers)
    record.stages.mark("session")
    if call.dialect == "responses":
        await ResponsesService(snapshot, services, record, headers, send, session).serve(call)
        return
    reply = reply_for(call, headers.get(b"user-agent", b""), os.urandom(16).hex(), int(time.time()))
    keeper: TurnKeeper = NothingKept(record)
    conversation = call.text_field("conversation_id")
    if conversation is not None:
        keeper = joined = ConversationKeeper(services.store.conversations, record, conversation)
        await joined.join(call)
    service = TurnService(snapshot, record, headers, send, keeper, session.facts)
    try:
        await service.serve(call, reply)
    finally:
        await keeper.ended()
        await session.end(service.request_facts)


async def _refuse(refused: TurnRefused, record: TurnRecord, send: Send) -> None:
    """A failure before the first byte: a real status, in the caller's dialect."""
    if isinstance(refused, RefusedVerbatim):
        status, body = refused.status, refused.body
    else:
        status, body = DIALECTS[record.dialect].encode_failure(refused.failure, record.request_id)
    record.failed(refused.failure, status)
    await _send_error(record, refused.failure, status, body, send)


async def _send_error(record: TurnRecord, failure: Failure, status: int, body: bytes, send: Send) -> None:
    headers = error_headers(record, failure, len(body))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
