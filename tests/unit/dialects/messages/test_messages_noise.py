"""Anthropic adds events, blocks and fields every few days: they must not crash a turn, nor change what is known."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.dialects import anthropic_messages, openai_chat
from llmgateway.dialects.reply import Reply
from llmgateway.events import Event, Opaque, TextDelta, ToolCallStarted, TurnFailed, TurnFinished, UsageReported
from support import event_grammar_chat, event_grammar_messages

REPLY = Reply(id="0123456789abcdef0123456789abcdef", model="m", created=1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
TYPES = ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
         "message_stop", "ping", "error", "new", "text", "thinking", "tool_use", "redacted_thinking", "text_delta",
         "thinking_delta", "input_json_delta", "signature_delta", "citations_delta"]  # fmt: skip
KNOWN = ["type", "index", "delta", "content_block", "message", "usage", "error", "text", "thinking", "partial_json",
         "signature", "citation", "stop_reason", "stop_sequence", "stop_details", "content", "id", "name", "input",
         "citations", "model", "input_tokens", "output_tokens"]  # fmt: skip
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from([*TYPES, "", "x", "{", "tool_use", "end_turn"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(KNOWN), inner, max_size=5),
    max_leaves=15,
)
EVENT = st.fixed_dictionaries({"type": st.sampled_from(TYPES)}, optional=dict.fromkeys(KNOWN[1:], ODD))
START = {"type": "message_start", "message": {"model": "up", "usage": {"input_tokens": 3, "output_tokens": 0}}}
OPEN = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
TEXT = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}
CLOSE = {"type": "content_block_stop", "index": 0}
DELTA = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}
STOP = {"type": "message_stop"}


def stream_of(*documents: Any) -> bytes:
    return b"".join(b"event: e\ndata: " + json.dumps(document).encode() + b"\n\n" for document in documents)


def decode(*documents: Any) -> list[Event]:
    decoder = anthropic_messages.DIALECT.stream_decoder()
    return decoder.feed(stream_of(*documents)) + decoder.end()


@pytest.mark.behaviour("T4")
@given(st.lists(EVENT | ODD | JSON, max_size=5))
def test_documents_of_any_shape_end_in_a_legal_stream(documents: list[Any]) -> None:
    events = decode(*documents)
    assert isinstance(events[-1], TurnFinished | TurnFailed)
    assert sum(isinstance(event, TurnFinished | TurnFailed) for event in events) == 1
    openai_chat.DIALECT.stream_encoder(REPLY).encode(events)


@given(st.lists(EVENT, max_size=4))
def test_blocks_of_any_shape_are_an_answer_or_a_failure(documents: list[Any]) -> None:
    for body in ({"content": documents}, {"content": [document.get("content_block") for document in documents]}):
        events = anthropic_messages.DIALECT.decode_whole(json.dumps(body).encode())
        assert isinstance(events[-1], TurnFinished | TurnFailed)


@pytest.mark.behaviour("T4")
@given(
    st.lists(st.fixed_dictionaries({"type": st.text(max_size=6).map(lambda name: f"x_{name}")}, optional={"a": JSON})),
    st.dictionaries(st.text(max_size=8).filter(lambda name: name not in KNOWN), JSON, max_size=3),
)
def test_unknown_events_and_fields_change_nothing(noise: list[Any], fields: dict[str, Any]) -> None:
    known: list[dict[str, Any]] = [START, OPEN, TEXT, CLOSE, DELTA, STOP]
    noisy = [event for document in known for event in (*noise, {**document, **fields})]
    assert decode(*noisy) == decode(*known)


@pytest.mark.behaviour("T4")
@given(
    st.fixed_dictionaries({"type": st.text(max_size=6).map(lambda name: f"x_{name}")}, optional={"a": JSON, "b": JSON})
)
def test_a_block_of_an_unknown_kind_is_kept_whole_for_its_own_dialect(block: dict[str, Any]) -> None:
    events = decode(START, {**OPEN, "content_block": block}, TEXT, CLOSE, DELTA, STOP)
    (opaque,) = [event for event in events if isinstance(event, Opaque)]
    assert opaque == Opaque("messages", {**block, "text": "Hi"})
    assert not [event for event in events if isinstance(event, TextDelta | ToolCallStarted)]
    client = openai_chat.DIALECT.stream_encoder(REPLY).encode(events)
    assert event_grammar_chat.judge(client, include_usage=False) == "finished"
    assert b"Hi" not in client


@pytest.mark.behaviour("T10")
def test_counts_that_are_none_leave_the_others_as_they_were() -> None:
    usage: dict[str, Any] = {"input_tokens": None, "output_tokens": 2, "cache_read_input_tokens": "4"}
    (report,) = [event for event in decode(START, {**DELTA, "usage": usage}, STOP) if isinstance(event, UsageReported)]
    assert (report.usage.input_tokens, report.usage.output_tokens) == (3, 2)


@pytest.mark.behaviour("H1")
def test_a_keep_alive_of_the_messages_dialect_is_a_ping_that_may_come_first() -> None:
    encoder = anthropic_messages.DIALECT.stream_encoder(REPLY)
    assert encoder.keep_alive() == b'event: ping\ndata: {"type":"ping"}\n\n'
    stream = encoder.keep_alive() + encoder.encode(decode(START, OPEN, TEXT, CLOSE, DELTA, STOP))
    assert event_grammar_messages.judge(stream) == "finished"


@pytest.mark.behaviour("T3")
def test_nothing_follows_the_end_of_a_client_stream() -> None:
    for dialect in (anthropic_messages.DIALECT, openai_chat.DIALECT):
        encoder = dialect.stream_encoder(REPLY)
        assert encoder.encode(decode(START, DELTA, STOP))
        assert encoder.encode([TextDelta("more")]) == b""
