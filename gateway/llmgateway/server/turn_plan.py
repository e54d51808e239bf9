"""From a client's call and a candidate backend to the upstream request, and to the turn that reads its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Raw, Struct, field, structs

from llmgateway.dialects.reply import Reply, StreamEncoder
from llmgateway.events import Event, ToolIdentity
from llmgateway.failures import Failure, TurnRefused
from llmgateway.native_turn import NativeStream
from llmgateway.server.call import Call
from llmgateway.server.dialects import UPSTREAM_DIALECTS
from llmgateway.server.turn_policies import Acted, TurnPolicies
from llmgateway.translate.native import native_chat, native_messages
from llmgateway.translate.table import TRANSLATORS
from llmgateway.translate.translated import Loss, Target
from llmgateway.turn import TranslatedStream
from llmgateway.upstreams.backend import Backend
from llmgateway.upstreams.port import UpstreamAnswer, UpstreamRequest
from llmgateway.wire import json_codec

BYTES_PER_TOKEN = 4
"""For the estimate in `message_start`; the upstream's own count follows at the end of the stream."""


class Prepared(Struct):
    """A request made for one backend, and what its translation cost."""

    backend: Backend
    request: UpstreamRequest
    native: bool
    acted: Acted
    losses: list[Loss] = field(default_factory=list)
    tools: dict[str, ToolIdentity] = field(default_factory=dict)
    hide_usage: bool = False


def prepare(
    call: Call,
    backend: Backend,
    target: Target,
    client: Mapping[bytes, bytes],
    policies: TurnPolicies,
    *,
    strict: bool,
) -> Prepared:
    """Translates (or passes) the call for one backend, through the policies. Raises TurnRefused."""
    make = _native if call.request_dialect == backend.dialect else _translated
    prepared = make(call, backend, target, client, policies)
    prepared.losses = [*call.losses, *prepared.losses]
    if backend.type == "ClaudeAgent":
        prepared.losses += _agent_losses(prepared)
    if strict and prepared.losses:
        loss = prepared.losses[0]
        message = f"Field {loss.path} can't be sent to backend {backend.name}: {loss.reason} (translation is strict)."
        raise TurnRefused(
            Failure(kind="invalid_request", message=message, param=loss.path, code="unsupported_parameter")
        )
    return prepared


def _agent_losses(prepared: Prepared) -> list[Loss]:
    """What the agent's own program can't pass on."""
    from llmgateway.upstreams.claude_agent import losses_of  # noqa: PLC0415 - few need it

    return list(losses_of(json_codec.decode(prepared.request.body)))


def _extra_headers(call: Call, backend: Backend) -> dict[str, str]:
    """C4: `profile: "deep"` asks the agent for a session of its own."""
    deep = backend.type == "ClaudeAgent" and "profile" in call.fields and call.field("profile") == "deep"
    return {"x-llmgateway-profile": "deep"} if deep else {}


def _native(
    call: Call, backend: Backend, target: Target, client: Mapping[bytes, bytes], policies: TurnPolicies
) -> Prepared:
    patch = native_messages if call.request_dialect == "messages" else native_chat
    patched = patch(call.fields, target)
    fields, acted = policies.on_fields(patched.fields, len(call.body), backend, target)
    body = call.body if fields is call.fields else json_codec.join_fields(fields)
    passes = call.dialect == call.request_dialect and not call.is_rewritten and not policies.reads_answers
    if _must_stream(call, backend):
        streamed = {"stream": Raw(b"true"), "stream_options": Raw(b'{"include_usage":true}')}
        body, passes = json_codec.join_fields({**fields, **streamed}), False
    extra = _extra_headers(call, backend)
    request = backend.request(body, client, extra, native=call.dialect == call.request_dialect)
    return Prepared(backend, request, passes, acted, patched.losses, dict(call.tools), hide_usage=patched.usage_added)


def _translated(
    call: Call, backend: Backend, target: Target, client: Mapping[bytes, bytes], policies: TurnPolicies
) -> Prepared:
    translated = TRANSLATORS[call.request_dialect, backend.dialect](call.document, target)
    document = translated.document
    if _must_stream(call, backend):
        document |= {"stream": True, "stream_options": {"include_usage": True}}
    body, acted = policies.on_translated(document, backend, target)
    headers = {**translated.headers, **_extra_headers(call, backend)}
    request = backend.request(body, client, headers, native=False)
    tools = {upstream: call.tools.get(tool.name, tool) for upstream, tool in translated.tools.items()}
    return Prepared(backend, request, False, acted, translated.losses, {**call.tools, **tools})


def _must_stream(call: Call, backend: Backend) -> bool:
    """llama.cpp ends the work for a whole answer late or never when its client leaves, for a stream at once: so it is
    always asked for a stream, and the answer put together here."""
    return backend.type == "LlamaCpp" and not call.stream and call.field("n") in (None, 1)


def decoded_answer(prepared: Prepared, answer: UpstreamAnswer, body: bytes) -> list[Event]:
    """A whole body as events, whether the upstream streamed it or not."""
    dialect = UPSTREAM_DIALECTS[prepared.backend.dialect]
    if not answer.headers.get("content-type", "").startswith("text/event-stream"):
        return dialect.decode_whole(body)
    decoder = dialect.stream_decoder()
    return [*decoder.feed(body), *decoder.end()]


def changed_request(prepared: Prepared, change: Callable[[dict[str, Any]], Mapping[str, Any]]) -> Prepared:
    """The same request once more, with another document: for turns that are continued or tried again."""
    body = json_codec.encode(change(json_codec.decode(prepared.request.body)))
    return structs.replace(prepared, request=structs.replace(prepared.request, body=body))


def reply_for(call: Call, user_agent: bytes, identifier: str, created: int) -> Reply:
    """What the client's encoder must know. `identifier`: 32 hexadecimal digits."""
    options = call.field("stream_options") if call.dialect == "chat" and call.stream else None
    return Reply(
        id=identifier,
        model=call.model,
        created=created,
        include_usage=isinstance(options, dict) and bool(options.get("include_usage")),
        input_tokens=len(call.body) // BYTES_PER_TOKEN + 1,
        refusal_as_text=user_agent.startswith(b"codex"),
        request=call.document if call.dialect == "responses" else {},
    )


def learn_upstream(reply: Reply, prepared: Prepared) -> None:
    """What the encoder must know of the upstream that was reached."""
    reply.tools = prepared.tools
    reply.reasoning_is_summary = prepared.backend.dialect == "messages"


def stream_turn(
    prepared: Prepared, encoder: StreamEncoder, passed: Callable[[Sequence[Event]], Sequence[Event]] | None
) -> TranslatedStream | NativeStream:
    """The sans-IO machine that turns the upstream's stream into the client's."""
    dialect = prepared.backend.dialect
    decoder = UPSTREAM_DIALECTS[dialect].stream_decoder()
    if prepared.native:
        return NativeStream(dialect, decoder, encoder, hide_usage=prepared.hide_usage)
    return TranslatedStream(decoder, encoder, passed)
