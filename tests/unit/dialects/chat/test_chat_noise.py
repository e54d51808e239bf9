"""Servers send what nobody has seen before: it must not crash a turn, and it must not change what is known."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.dialects import anthropic_messages, openai_chat
from llmgateway.dialects.reply import Reply
from llmgateway.events import Event, TurnFailed, TurnFinished, UsageReported
from support import event_grammar_chat, event_grammar_messages

REPLY = Reply(id="0123456789abcdef0123456789abcdef", model="m", created=1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
KNOWN = ["choices", "delta", "message", "index", "tool_calls", "function", "content", "finish_reason", "usage", "error",
         "id", "name", "arguments", "timings", "annotations", "refusal", "reasoning", "model", "stop_reason",
         "logprobs", "custom", "input", "function_call", "url_citation", "url"]  # fmt: skip
ODD = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 600) | st.sampled_from(["", "x", "stop", "{", '{"a":1}', "<think>"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KNOWN), inner, max_size=5),
    max_leaves=20,
)
CHOICES = st.fixed_dictionaries({"choices": st.lists(st.dictionaries(st.sampled_from(KNOWN), ODD, max_size=5))})
TEXT = {"id": "c", "model": "up", "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": None}]}
STOP = {"id": "c", "model": "up", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


def decode(stream: bytes) -> list[Event]:
    decoder = openai_chat.DIALECT.stream_decoder()
    return decoder.feed(stream) + decoder.end()


def data_of(document: Any) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


@pytest.mark.behaviour("T3", "R2")
@given(st.lists(ODD | CHOICES | JSON, max_size=4))
def test_documents_of_any_shape_end_in_a_legal_stream(documents: list[Any]) -> None:
    events = decode(b"".join(data_of(document) for document in documents))
    assert isinstance(events[-1], TurnFinished | TurnFailed)
    assert sum(isinstance(event, TurnFinished | TurnFailed) for event in events) == 1
    messages = anthropic_messages.DIALECT.stream_encoder(REPLY).encode(events)
    event_grammar_messages.judge(messages)


@given(st.binary(max_size=80) | JSON.map(lambda document: json.dumps(document).encode()) | ODD.map(json.dumps))
def test_a_whole_body_of_any_shape_is_an_answer_or_a_failure(body: bytes | str) -> None:
    body = body.encode() if isinstance(body, str) else body
    events = openai_chat.DIALECT.decode_whole(body)
    assert isinstance(events[-1], TurnFinished | TurnFailed)


@given(st.lists(st.binary(max_size=40)), st.integers(200, 599), st.dictionaries(st.text(max_size=5), st.text()))
def test_any_error_answer_is_a_failure(body: list[bytes], status: int, headers: dict[str, str]) -> None:
    for dialect in (openai_chat.DIALECT, anthropic_messages.DIALECT):
        failure = dialect.decode_failure(status, headers, b"".join(body))
        for other in (openai_chat.DIALECT, anthropic_messages.DIALECT):
            found, document = other.encode_failure(failure, "req_1")
            assert 400 <= found < 600
            assert json.loads(document)["error"]["message"]


@given(ODD | JSON)
def test_any_error_document_is_a_failure(document: Any) -> None:
    failure = openai_chat.DIALECT.decode_failure(400, {}, json.dumps(document).encode())
    assert failure.message


@given(
    st.lists(
        st.dictionaries(st.text(max_size=6).filter(lambda name: name not in KNOWN), JSON, max_size=3)
        | st.text(max_size=10).map(lambda text: f"x{text}")
        | st.integers(),
        max_size=3,
    ),
    st.dictionaries(st.text(max_size=8).filter(lambda name: name not in KNOWN), JSON, max_size=3),
)
def test_unknown_events_and_fields_change_nothing(noise: list[Any], fields: dict[str, Any]) -> None:
    unknown = b"".join(b"event: new\n" + data_of(document) for document in noise if not _is_an_error(document))
    text = {**TEXT, **fields, "choices": [{**TEXT["choices"][0], **fields, "delta": {"content": "Hi", **fields}}]}  # type: ignore[dict-item]
    noisy = decode(unknown + data_of(text) + unknown + data_of({**STOP, **fields}) + unknown + b"data: [DONE]\n\n")
    assert noisy == decode(data_of(TEXT) + data_of(STOP) + b"data: [DONE]\n\n")


def _is_an_error(document: Any) -> bool:
    return isinstance(document, dict) and bool(document.keys() & {"error", "code", "detail", "message", "object"})


@pytest.mark.behaviour("T10")
@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": None, "completion_tokens": 2, "prompt_tokens_details": None},
        {"prompt_tokens": "3", "completion_tokens": 2, "completion_tokens_details": []},
        {"completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": -1}},
    ],
)
def test_odd_counts_cost_no_other_count(usage: dict[str, Any]) -> None:
    events = decode(data_of({**STOP, "usage": usage}))
    (report,) = [event for event in events if isinstance(event, UsageReported)]
    assert (report.usage.output_tokens, report.usage.cached_tokens) == (2, 0)


@pytest.mark.behaviour("H1")
def test_a_keep_alive_of_the_chat_dialect_is_a_comment_that_may_come_first() -> None:
    encoder = openai_chat.DIALECT.stream_encoder(REPLY)
    assert encoder.keep_alive() == b": keepalive\n\n"
    stream = encoder.keep_alive() + encoder.encode(decode(data_of(TEXT) + data_of(STOP)))
    assert event_grammar_chat.judge(stream, include_usage=False) == "finished"


def test_a_line_of_a_megabyte_is_one_delta() -> None:
    text = "x" * 1_000_000
    document = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": "stop"}]}
    stream = data_of(document)
    decoder = openai_chat.DIALECT.stream_decoder()
    events = [event for at in range(0, len(stream), 4096) for event in decoder.feed(stream[at : at + 4096])]
    assert [event.text for event in events if hasattr(event, "text")] == [text]
