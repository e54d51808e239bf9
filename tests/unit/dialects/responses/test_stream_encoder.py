"""What single golden answers can't show of the Responses stream: keep-alives, polls, cancels, and any event order."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from llmgateway.dialects.openai_responses import DIALECT, ResponsesStreamEncoder, encode_whole, response_object
from llmgateway.dialects.reply import ClientDialect, Reply, StreamEncoder
from llmgateway.events import (
    BlockClosed,
    Citation,
    Event,
    Opaque,
    ReasoningDelta,
    ReasoningSignature,
    RedactedReasoning,
    RefusalDelta,
    TextDelta,
    ToolArgumentsDelta,
    ToolCallFinished,
    ToolCallStarted,
    ToolIdentity,
    TurnFailed,
    TurnFinished,
    TurnStarted,
    Usage,
    UsageReported,
)
from llmgateway.failures import Failure
from llmgateway.fold import fold
from support.event_grammar_responses import judge, read_events

REPLY = Reply(
    id="0123456789abcdef0123456789abcdef",
    model="the-model",
    created=1_790_000_000,
    tools={"patch": ToolIdentity("patch", kind="custom"), "clock__now": ToolIdentity("now", "clock")},
    request={"include": ["reasoning.encrypted_content"]},
)
STOP = TurnFinished("stop")
TYPES = "response.created", "response.in_progress"


def types_of(stream: bytes) -> list[str]:
    return [event["type"] for event in read_events(stream)]


def test_the_dialect_has_the_shape_of_a_client_dialect() -> None:
    dialect: ClientDialect = DIALECT
    encoder: StreamEncoder = dialect.stream_encoder(REPLY)
    assert judge(encoder.encode([TextDelta("Hi"), STOP])) == json.loads(
        dialect.encode_whole(fold([TextDelta("Hi"), STOP]), REPLY)
    )


@pytest.mark.behaviour("H1")
def test_the_first_keep_alive_begins_the_response_because_the_sdk_refuses_any_other_first_event() -> None:
    encoder = ResponsesStreamEncoder(REPLY)
    assert types_of(encoder.keep_alive()) == [*TYPES]
    assert encoder.keep_alive() == b'event: keepalive\ndata: {"type":"keepalive","sequence_number":2}\n\n'
    assert read_events(encoder.encode([TextDelta("Hi")]))[0]["sequence_number"] == 3


@pytest.mark.behaviour("H1")
def test_nothing_comes_after_the_end() -> None:
    encoder = ResponsesStreamEncoder(REPLY)
    encoder.encode([TextDelta("Hi"), STOP])
    assert encoder.keep_alive() == b""
    assert encoder.encode([TextDelta("more"), TurnFailed(Failure(kind="internal", message="no"))]) == b""


@pytest.mark.behaviour("R4")
def test_the_time_of_completion_is_what_the_caller_says_and_shows_on_completed_responses_only() -> None:
    finished = ResponsesStreamEncoder(REPLY).encode([TextDelta("Hi"), STOP], completed_at=1_790_000_005)
    assert judge(finished)["completed_at"] == 1_790_000_005
    cut = ResponsesStreamEncoder(REPLY).encode([TextDelta("Hi"), TurnFinished("length")], completed_at=1_790_000_005)
    assert judge(cut)["completed_at"] is None
    whole = encode_whole(fold([TextDelta("Hi"), STOP]), REPLY, completed_at=1_790_000_005)
    assert json.loads(whole) == judge(finished)


@pytest.mark.behaviour("R4")
def test_a_queued_response_has_its_echoes_and_no_output() -> None:
    queued = response_object(REPLY, "queued")
    assert (queued["status"], queued["output"], queued["usage"]) == ("queued", [], None)
    assert queued["id"] == "resp_0123456789abcdef0123456789abcdef"


@pytest.mark.behaviour("R4")
def test_a_cancelled_response_keeps_what_was_written_as_incomplete() -> None:
    encoder = ResponsesStreamEncoder(REPLY)
    encoder.encode([TurnStarted(usage=Usage(input_tokens=5)), TextDelta("Hel"), TextDelta("lo")])
    assert encoder.response_object("in_progress")["output"][0]["status"] == "in_progress"
    cancelled = encoder.response_object("cancelled")
    assert (cancelled["status"], cancelled["output"][0]["status"]) == ("cancelled", "incomplete")
    assert cancelled["output"][0]["content"][0]["text"] == "Hello"
    assert cancelled["usage"]["input_tokens"] == 5


def test_an_answer_that_has_not_ended_is_no_success() -> None:
    assert json.loads(encode_whole(fold([TextDelta("Hi")]), REPLY))["status"] == "in_progress"


@pytest.mark.behaviour("T4")
def test_white_space_after_whole_arguments_is_left_out() -> None:
    call: list[Event] = [ToolCallStarted(0, "call_a", "one"), ToolArgumentsDelta(0, '{"a":1}'), ToolCallFinished(0)]
    stream = ResponsesStreamEncoder(REPLY).encode([*call, ToolArgumentsDelta(0, "\n"), TurnFinished("tool_calls")])
    assert judge(stream)["output"][0]["arguments"] == '{"a":1}'


@pytest.mark.behaviour("R10", "T9")
def test_a_flattened_tool_name_never_reaches_the_client() -> None:
    events: list[Event] = [ToolCallStarted(0, "call_a", "clock__now"), TurnFinished("tool_calls")]
    stream = ResponsesStreamEncoder(REPLY).encode(events)
    assert b"clock__now" not in stream
    assert {(item["name"], item["namespace"]) for item in judge(stream)["output"]} == {("now", "clock")}


@pytest.mark.behaviour("T4")
def test_a_call_is_done_before_the_next_one_begins_unless_their_fragments_interleave() -> None:
    one: list[Event] = [ToolCallStarted(0, "call_a", "one"), ToolArgumentsDelta(0, '{"a":1}')]
    two: list[Event] = [ToolCallStarted(1, "call_b", "two"), ToolArgumentsDelta(1, "{}")]
    types = types_of(ResponsesStreamEncoder(REPLY).encode([*one, *two, TurnFinished("tool_calls")]))
    assert [name for name in types if "output_item" in name] == [
        "response.output_item.added",
        "response.output_item.done",
    ] * 2


ARGUMENTS = [
    "",
    "{}",
    '{"a":1}',
    '{"input":"x \\"y\\" \\ud83d\\ude42\\n"}',
    '{"b":{"c":[1,"}"]}}',
    '{"input":7}',
    "text",
]
TEXTS = st.sampled_from(["a", "é🙂", "\u2028", '"', "line\n"])
LOOSE_EVENTS: st.SearchStrategy[Event] = st.one_of(
    TEXTS.map(TextDelta),
    TEXTS.map(RefusalDelta),
    TEXTS.map(ReasoningDelta),
    st.just(ReasoningSignature("sig")),
    st.just(RedactedReasoning("data")),
    st.just(BlockClosed()),
    st.just(Opaque("other", {})),
    st.just(Citation("https://example.com", "Example", {})),
    st.just(UsageReported(Usage(input_tokens=3, output_tokens=4))),
)
ENDINGS: st.SearchStrategy[Event] = st.one_of(
    st.sampled_from(["stop", "stop_sequence", "tool_calls", "length", "context_window", "refusal", "pause"]).map(
        lambda reason: TurnFinished(reason, explanation="Because.")  # type: ignore[arg-type]  # drawn from the literal
    ),
    st.just(TurnFailed(Failure(kind="bad_gateway", message="died"))),
)


@st.composite
def turns(draw: st.DrawFn) -> list[Event]:
    """Any legal mix: loose events, and calls whose fragments interleave with everything and may lack their end."""
    queues: list[list[Event]] = [draw(st.lists(LOOSE_EVENTS, max_size=8))]
    names = draw(st.lists(st.sampled_from(["one", "patch", "clock__now"]), max_size=3))
    queues += [_call(draw, name) for name in names]
    events: list[Event] = [TurnStarted()]
    calls: dict[int, int] = {}
    while any(queues):
        number = draw(st.sampled_from([index for index, queue in enumerate(queues) if queue]))
        event: Any = queues[number].pop(0)
        if number:
            index = calls.setdefault(number, len(calls))
            event = ToolCallStarted(index, f"call_{index}", event.name) if isinstance(event, ToolCallStarted) else event
            event = ToolArgumentsDelta(index, event.fragment) if isinstance(event, ToolArgumentsDelta) else event
            event = ToolCallFinished(index) if isinstance(event, ToolCallFinished) else event
        events.append(event)
    return [*events, draw(ENDINGS)]


def _call(draw: st.DrawFn, name: str) -> list[Event]:
    arguments = draw(st.sampled_from(ARGUMENTS))
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(arguments) - 1)), max_size=3)))
    edges = [0, *(cut for cut in cuts if cut < len(arguments)), len(arguments)]
    pieces = [arguments[a:b] for a, b in pairwise(edges) if a < b]
    kept = pieces[: draw(st.integers(0, len(pieces)))]
    closed: list[Event] = [ToolCallFinished(0)] if draw(st.booleans()) else []
    return [ToolCallStarted(0, "", name), *(ToolArgumentsDelta(0, piece) for piece in kept), *closed]


@pytest.mark.behaviour("T4", "T5", "H3")
@given(events=turns(), refusal_as_text=st.booleans(), summary=st.booleans())
def test_any_turn_is_a_legal_stream_that_ends_with_the_whole_answer(
    events: list[Event], refusal_as_text: bool, summary: bool
) -> None:
    reply = structs.replace(REPLY, refusal_as_text=refusal_as_text, reasoning_is_summary=summary)
    final = judge(ResponsesStreamEncoder(reply).encode(events))
    assert final == json.loads(encode_whole(fold(events), reply))


@pytest.mark.behaviour("H3")
@given(events=turns())
def test_after_an_early_end_every_completed_call_is_whole(events: list[Event]) -> None:
    final = judge(ResponsesStreamEncoder(REPLY).encode([*events[:-1], TurnFinished("length")]))
    for item in final["output"]:
        if item["type"] == "function_call" and item["status"] == "completed":
            assert isinstance(json.loads(item["arguments"]), dict)
