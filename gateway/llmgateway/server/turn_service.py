"""One turn from the parsed call to the last byte: choose, ask, and answer whole or as a stream."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from llmgateway.dialects.reply import Reply, StreamEncoder
from llmgateway.events import Event, TurnFailed
from llmgateway.failures import Failure, TurnRefused
from llmgateway.fold import fold
from llmgateway.policies.reasoning_only import ReasoningShown
from llmgateway.policies.session_facts import SessionFacts
from llmgateway.server.another_try import AnotherTry
from llmgateway.server.call import Call
from llmgateway.server.dialects import DIALECTS, UPSTREAM_DIALECTS
from llmgateway.server.exchange import Attempt, Reached, failure_of, reach
from llmgateway.server.paced_answer import send_paced
from llmgateway.server.response_headers import HeaderList, answer_headers, passed_on
from llmgateway.server.snapshot import Snapshot
from llmgateway.server.stream_pump import ClientStream, Send, pump
from llmgateway.server.turn_keeper import TurnKeeper
from llmgateway.server.turn_plan import Prepared, decoded_answer, learn_upstream, prepare, stream_turn
from llmgateway.server.turn_policies import TurnPolicies
from llmgateway.server.turn_record import TurnRecord
from llmgateway.translate.translated import Target
from llmgateway.upstreams.backend import Backend
from llmgateway.upstreams.port import UpstreamAnswer, UpstreamError

MAX_ERROR_BODY = 256 * 1024
VERBATIM_TYPES = ("OpenAI", "Anthropic")
"""Vendors whose own error bodies are the dialect's definition: same dialect in and out, they pass untouched."""


class RefusedVerbatim(TurnRefused):
    """An upstream's refusal that passes to the client byte for byte."""

    def __init__(self, failure: Failure, status: int, body: bytes) -> None:
        super().__init__(failure)
        self.status = status
        self.body = body


class TurnService:
    """The state of one request while it runs, on the configuration that it began with."""

    def __init__(
        self,
        snapshot: Snapshot,
        record: TurnRecord,
        headers: Mapping[bytes, bytes],
        send: Send,
        keeper: TurnKeeper,
        session: SessionFacts,
    ) -> None:
        self._snapshot = snapshot
        self._record = record
        self._headers = headers
        self._send = send
        self._keeper = keeper
        self._policies = TurnPolicies(snapshot.policy, session, snapshot.served)
        self._reasoning = ReasoningShown(snapshot.policy.reasoning_only)

    async def serve(self, call: Call, reply: Reply) -> None:
        """Answers the call. Raises TurnRefused when nothing was sent yet."""
        attempts = self._attempts(call)
        self._record.streamed = call.stream
        self._record.stages.mark("plan")
        await (self._serve_stream if call.stream else self._serve_whole)(call, attempts, reply)

    def _attempts(self, call: Call) -> list[Attempt]:
        route = self._snapshot.route(call.model)
        self._record.model = route.name
        self._snapshot.limits.check_model(self._record.client, route.name)
        targets = route.targets(self._record.session)
        return [Attempt(backend, partial(self._prepare, call, backend, target)) for backend, target in targets]

    async def _prepare(self, call: Call, backend: Backend, target: Target) -> Prepared:
        policies, strict = self._policies, self._snapshot.strict
        prepared = prepare(call, backend, target, self._headers, policies, strict=strict)
        body = prepared.request.body
        if policies.should_measure(len(body), backend, target) and await policies.measure(body, backend):
            return prepare(call, backend, target, self._headers, policies, strict=strict)
        return prepared

    async def _reach(self, attempts: list[Attempt]) -> Reached:
        """An answer with a good status. Raises TurnRefused."""
        reached = await reach(attempts, self._snapshot.observe_attempt)
        record, prepared = self._record, reached.prepared
        record.stages.mark("upstream")
        record.backend, record.losses = prepared.backend.name, prepared.losses
        record.policies, record.request_facts = prepared.acted.notes, prepared.acted.facts
        record.passed_on = [*record.passed_on, *passed_on(reached.answer.headers)]
        if reached.answer.status >= 400:
            try:
                raise await _refusal(reached.answer, prepared)
            finally:
                reached.answer.close()
        return reached

    async def _serve_whole(self, call: Call, attempts: list[Attempt], reply: Reply) -> None:
        again = AnotherTry(self._snapshot.policy, self._record)
        while True:
            reached = await self._reach(attempts)
            with reached.prepared.backend.running(reached.answer):
                body = await _read_all(reached)
            self._record.stages.mark("read")
            events = self._decoded(reached, body)
            answer = fold(events)
            changed = again.after(reached.prepared, answer)
            if changed is None:
                break
            attempts = [Attempt(changed.backend, partial(_as_it_is, changed))]
        learn_upstream(reply, reached.prepared)
        if not reached.prepared.native:
            body = DIALECTS[call.dialect].encode_whole(answer, reply)
        await self._keeper.answered(reply, body, events)
        self._record.status = 200
        headers = answer_headers(self._record, b"application/json", len(body))
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    def _decoded(self, reached: Reached, body: bytes) -> list[Event]:
        """A whole answer as events. Raises TurnRefused where it is none."""
        events = decoded_answer(reached.prepared, reached.answer, body)
        self._record.outcome.note(events)
        if self._record.outcome.failure is not None:
            raise TurnRefused(self._record.outcome.failure)
        return list(self._reasoning.pass_on(events))

    async def _serve_stream(self, call: Call, attempts: list[Attempt], reply: Reply) -> None:
        encoder = self._keeper.encoder(reply)
        client = ClientStream(self._send, self._stream_headers, self._snapshot.keep_alive)
        client.beat(encoder.keep_alive)
        try:
            reached = await self._reach(attempts)
            learn_upstream(reply, reached.prepared)
            with reached.prepared.backend.running(reached.answer):
                await self._stream(reached, encoder, client)
        except TurnRefused as refused:
            if not client.started:
                raise
            self._record.failed(refused.failure, 200)
            await self._send_last(client, encoder.encode([TurnFailed(refused.failure)]))
        finally:
            client.hush()

    async def _stream(self, reached: Reached, encoder: StreamEncoder, client: ClientStream) -> None:
        answer, prepared = reached.answer, reached.prepared
        self._record.status = 200
        if answer.headers.get("content-type", "text/event-stream").startswith("text/event-stream"):
            turn = stream_turn(prepared, encoder, self._reasoning.pass_on if self._reasoning.collects else None)
            self._record.outcome = turn.outcome
            await pump(turn, answer, client, prepared.backend.name, self._keeper.ended)
            return
        events = self._decoded(reached, await _read_all(reached))
        pacing = self._snapshot.policy.stream.pacing
        await self._send_last(client, await send_paced(events, encoder, client, pacing))

    async def _send_last(self, client: ClientStream, data: bytes) -> None:
        await self._keeper.ended()
        await client.finish(data)

    def _stream_headers(self) -> HeaderList:
        self._record.first_byte_after = self._record.stages.elapsed()
        return answer_headers(self._record, b"text/event-stream; charset=utf-8")


async def _as_it_is(prepared: Prepared) -> Prepared:
    return prepared


async def _refusal(answer: UpstreamAnswer, prepared: Prepared) -> TurnRefused:
    """An upstream's error answer as the exception to raise."""
    try:
        body = (await answer.read_all())[:MAX_ERROR_BODY]
    except UpstreamError:
        body = b""
    backend = prepared.backend
    failure = UPSTREAM_DIALECTS[backend.dialect].decode_failure(answer.status, answer.headers, body)
    if prepared.native and backend.type in VERBATIM_TYPES and body.lstrip().startswith(b"{"):
        return RefusedVerbatim(failure, answer.status, body)
    return TurnRefused(failure)


async def _read_all(reached: Reached) -> bytes:
    try:
        return await reached.answer.read_all()
    except UpstreamError as error:
        raise TurnRefused(failure_of(error, reached.prepared.backend.name)) from None
