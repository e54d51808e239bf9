"""The hot routes: POSTs of the client dialects as raw ASGI, in front of FastAPI and its middleware."""

from __future__ import annotations

import logging
import os
import time

from llmgateway.failures import Failure, TurnRefused
from llmgateway.server.call import Call
from llmgateway.server.client_limits import Ticket
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
    turn = _Turn(record, snapshot, services, headers, send)
    try:
        record.client = await snapshot.access.client_of(headers)
        body = await read_body(receive, headers, snapshot.max_body_bytes)
        record.stages.mark("receive")
        with services.watches.over(receive):
            await turn.serve(body)
    except ClientLeft:
        record.status = CLIENT_LEFT
    except TurnRefused as refused:
        await _refuse(refused, record, send)
    except Exception:
        logger.exception("request %s failed inside the gateway", record.request_id)
        if record.first_byte_after is not None:
            raise  # the server closes the connection: a stream without its ending is no success anywhere
        await _refuse(TurnRefused(INTERNAL), record, send)
    finally:
        await turn.settle()


class _Turn:
    """A turn with its session, its charge, and what is to be kept of it."""

    def __init__(
        self, record: TurnRecord, snapshot: Snapshot, services: Services, headers: dict[bytes, bytes], send: Send
    ) -> None:
        self._record = record
        self._snapshot = snapshot
        self._services = services
        self._headers = headers
        self._send = send
        self._ticket: Ticket | None = None
        self._session = SessionWatch(services.store.sessions, services.process, record)

    async def serve(self, body: bytes) -> None:
        """Answers the request. Raises TurnRefused when nothing was sent yet."""
        record, store = self._record, self._services.store
        limits = self._snapshot.limits
        if limits.concern(record.client):
            self._ticket = await limits.charge(record, len(body), store.limits)
        call = Call(record.dialect, body)
        await self._session.begin(call, self._headers)
        record.stages.mark("session")
        if call.dialect == "responses":
            service = ResponsesService(
                self._snapshot, self._services, record, self._headers, self._send, self._session.facts
            )
            await service.serve(call)
            return
        reply = reply_for(call, self._headers.get(b"user-agent", b""), os.urandom(16).hex(), int(time.time()))
        keeper: TurnKeeper = NothingKept(record)
        conversation = call.text_field("conversation_id")
        if conversation is not None:
            keeper = joined = ConversationKeeper(store.conversations, record, conversation)
            await joined.join(call)
        try:
            turn = TurnService(self._snapshot, record, self._headers, self._send, keeper, self._session.facts)
            await turn.serve(call, reply)
        finally:
            await keeper.ended()

    async def settle(self) -> None:
        """After the last byte, whether the client is still there or not: the session is noted, the charge settled."""
        await self._session.end()
        usage = self._record.outcome.usage
        if self._ticket is not None:
            await self._ticket.settle(usage.input_tokens + usage.output_tokens)


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
