"""The judge of Responses streams refuses what it must: each test breaks one rule of a legal stream."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from llmgateway.dialects.openai_responses import ResponsesStreamEncoder
from llmgateway.dialects.reply import Reply
from llmgateway.events import Citation, TextDelta, ToolArgumentsDelta, ToolCallStarted, TurnFinished
from support.event_grammar_responses import GrammarError, judge, read_events

Events = list[dict[str, Any]]
STREAM = ResponsesStreamEncoder(Reply(id="0" * 32, model="m", created=1)).encode(
    [
        TextDelta("Hello"),
        TextDelta(" you"),
        Citation("https://example.com", "Example", {}),
        ToolCallStarted(0, "call_a", "one"),
        ToolArgumentsDelta(0, "{}"),
        ToolCallStarted(1, "call_b", "two"),
        ToolArgumentsDelta(1, "{}"),
        TurnFinished("tool_calls"),
    ]
)


def written(events: Events) -> bytes:
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


def the(events: Events, event_type: str) -> dict[str, Any]:
    return next(event for event in events if event["type"] == event_type)


def numbered(events: Events) -> Events:
    return [event | {"sequence_number": number} for number, event in enumerate(events)]


def without(event_type: str) -> Callable[[Events], Events]:
    return lambda events: numbered([event for event in events if event["type"] != event_type])


def changed(event_type: str, *path: str | int, to: Any) -> Callable[[Events], Events]:
    def change(events: Events) -> Events:
        target: Any = the(events, event_type)
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = to
        return events

    return change


BREAKS: dict[str, Callable[[Events], Events]] = {
    "a gap in the sequence": changed("response.output_text.delta", "sequence_number", to=99),
    "no response.created": without("response.created"),
    "no response.in_progress": without("response.in_progress"),
    "no item added": without("response.output_item.added"),
    "no part added": without("response.content_part.added"),
    "no text done": without("response.output_text.done"),
    "no part done": without("response.content_part.done"),
    "no arguments done": without("response.function_call_arguments.done"),
    "no item done": without("response.output_item.done"),
    "no terminal event": without("response.completed"),
    "two terminal events": lambda events: numbered([*events, events[-1]]),
    "an event after the end": lambda events: numbered([*events, {"type": "keepalive"}]),
    "an unknown event": lambda events: numbered([*events[:2], {"type": "response.surprise"}, *events[2:]]),
    "an unknown field": changed("response.output_text.delta", "obfuscation", to="x"),
    "another item's id": changed("response.output_text.delta", "item_id", to="msg_other"),
    "another output_index": changed("response.function_call_arguments.delta", "output_index", to=0),
    "another content_index": changed("response.output_text.delta", "content_index", to=1),
    "a lost delta": changed("response.output_text.delta", "delta", to="Hell"),
    "an empty delta": changed("response.output_text.delta", "delta", to=""),
    "another whole text": changed("response.output_text.done", "text", to="Hello"),
    "another part": changed("response.content_part.done", "part", "text", to="Hello"),
    "a lost annotation": without("response.output_text.annotation.added"),
    "other arguments": changed("response.function_call_arguments.done", "arguments", to="{} "),
    "an item that was not streamed": changed("response.completed", "response", "output", to=[]),
    "another text at the end": changed("response.completed", "response", "output", 0, "content", to=[]),
    "another id at the end": changed("response.completed", "response", "id", to="resp_other"),
    "another status": changed("response.completed", "response", "status", to="incomplete"),
    "no usage": changed("response.completed", "response", "usage", to=None),
    "usage without details": changed("response.completed", "response", "usage", "input_tokens_details", to={}),
    "an error on success": changed("response.completed", "response", "error", to={"code": "x", "message": "y"}),
    "a reason on success": changed("response.completed", "response", "incomplete_details", to={"reason": "x"}),
    "an unfinished item on success": changed("response.output_item.done", "item", "status", to="incomplete"),
    "output before the end": changed("response.created", "response", "output", to=[{}]),
}


def test_the_unbroken_stream_is_legal() -> None:
    assert judge(STREAM) == judge(written(read_events(STREAM)))


@pytest.mark.parametrize("rule", BREAKS)
def test_a_broken_stream_is_refused(rule: str) -> None:
    with pytest.raises(GrammarError):
        judge(written(BREAKS[rule](read_events(STREAM))))


@pytest.mark.parametrize(
    "noise", [b": comment\n\n", b"id: 1\nevent: keepalive\ndata: {}\n\n", b"data: {}\n\n", b"event:"]
)
def test_comments_ids_and_nameless_events_are_refused(noise: bytes) -> None:
    with pytest.raises(GrammarError):
        judge(STREAM + noise)
