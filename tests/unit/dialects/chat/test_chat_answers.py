"""Made-up answers as chat streams: whatever a server's way of cutting and numbering, the client gets the answer."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.dialects import anthropic_messages, openai_chat
from llmgateway.dialects.reply import Reply
from llmgateway.fold import ReasoningBlock, TextBlock, ToolCallBlock, fold
from support import event_grammar_chat, event_grammar_messages

REPLY = Reply(id="0123456789abcdef0123456789abcdef", model="m", created=1, input_tokens=3)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
ARGUMENTS = st.dictionaries(st.text(max_size=4), JSON, max_size=3)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(lambda text: "<" not in text)
Delta = dict[str, Any]


def cut(text: str, draw: Any) -> list[str]:
    """The text in pieces, none of them empty."""
    edges = sorted({0, len(text), *draw(st.lists(st.integers(0, len(text)), max_size=3))})
    return [text[start:stop] for start, stop in itertools.pairwise(edges)]


@st.composite
def answers(draw: Any) -> tuple[str, str, list[tuple[str, Delta]], list[Delta]]:
    """Reasoning, text, calls (name, arguments), and the deltas of a server that mixes the calls' fragments."""
    reasoning, text = draw(st.just("") | TEXT), draw(st.just("") | TEXT)
    calls = draw(st.lists(st.tuples(st.sampled_from(["add", "mul", "now"]), ARGUMENTS), max_size=4))
    deltas: list[Delta] = [{"role": "assistant", "content": None}]
    deltas += [{"reasoning_content": piece} for piece in cut(reasoning, draw)]
    deltas += [{"content": piece} for piece in cut(text, draw)]
    rows = [
        [{"id": f"call_{index}", "type": "function", "function": {"name": name, "arguments": ""}}]
        + [{"function": {"arguments": piece}} for piece in cut(json.dumps(arguments), draw)]
        for index, (name, arguments) in enumerate(calls)
    ]
    deltas += [{"tool_calls": [{"index": index, **rows[index].pop(0)}]} for index in range(len(calls))]
    while any(rows):
        index = draw(st.sampled_from([index for index, row in enumerate(rows) if row]))
        deltas.append({"tool_calls": [{"index": index, **rows[index].pop(0)}]})
    return reasoning, text, calls, deltas


def stream_of(deltas: list[Delta], finish: str | None = "stop") -> bytes:
    chunks = [{"model": "up", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    if finish:
        chunks.append({"model": "up", "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)


def encode(stream: bytes, dialect: Any) -> bytes:
    decoder, encoder = openai_chat.DIALECT.stream_decoder(), dialect.stream_encoder(REPLY)
    return bytes(encoder.encode(decoder.feed(stream)) + encoder.encode(decoder.end()))


@pytest.mark.behaviour("T3")
@given(answers())
def test_every_answer_reaches_a_messages_client_in_legal_order(
    answer: tuple[str, str, list[tuple[str, Delta]], list[Delta]],
) -> None:
    reasoning, text, calls, deltas = answer
    stream = encode(stream_of(deltas), anthropic_messages.DIALECT)
    assert event_grammar_messages.judge(stream) == "finished"
    events = event_grammar_messages.read_events(stream)
    found: dict[int, tuple[str, str]] = {}
    names = []
    for event in events:
        if event["type"] == "content_block_start":
            names.append(event["content_block"].get("name"))
        if event["type"] == "content_block_delta" and "signature" not in event["delta"]:
            kind, piece = list(event["delta"].values())
            found[event["index"]] = (kind, found.get(event["index"], ("", ""))[1] + piece)
    kinds = list(found.values())
    expected = [("thinking_delta", reasoning)] * bool(reasoning) + [("text_delta", text)] * bool(text)
    assert kinds == expected + [("input_json_delta", json.dumps(arguments)) for _, arguments in calls]
    assert [name for name in names if name] == [name for name, _ in calls]


@pytest.mark.behaviour("R2")
@given(answers())
def test_every_answer_reaches_a_chat_client(answer: tuple[str, str, list[tuple[str, Delta]], list[Delta]]) -> None:
    stream = encode(stream_of(answer[3]), openai_chat.DIALECT)
    assert event_grammar_chat.judge(stream, include_usage=False) == "finished"
    assert fold_of(stream) == fold_of(stream_of(answer[3]))


def fold_of(stream: bytes) -> tuple[str, str, list[tuple[str, str, str]]]:
    decoder = openai_chat.DIALECT.stream_decoder()
    answer = fold(decoder.feed(stream) + decoder.end())
    reasoning = "".join(block.text for block in answer.blocks if isinstance(block, ReasoningBlock))
    text = "".join(block.text for block in answer.blocks if isinstance(block, TextBlock))
    calls = [block for block in answer.blocks if isinstance(block, ToolCallBlock)]
    return reasoning, text, [(call.id, call.name, call.arguments) for call in calls]


@pytest.mark.behaviour("T5", "H3")
@given(answers(), st.data())
def test_an_answer_cut_anywhere_ends_in_an_error(
    answer: tuple[str, str, list[tuple[str, Delta]], list[Delta]], data: st.DataObject
) -> None:
    stream = stream_of(answer[3], finish=None)
    stream = stream[: data.draw(st.integers(0, len(stream)))]
    assert event_grammar_messages.judge(encode(stream, anthropic_messages.DIALECT)) == "failed"
    assert event_grammar_chat.judge(encode(stream, openai_chat.DIALECT), include_usage=False) == "failed"


@pytest.mark.behaviour("H3")
@given(ARGUMENTS.filter(bool), st.sampled_from(["stop", "tool_calls", "length", "content_filter"]), st.data())
def test_cut_arguments_are_never_a_finished_call(arguments: Delta, finish: str, data: st.DataObject) -> None:
    whole = json.dumps(arguments)
    part = whole[: data.draw(st.integers(1, len(whole) - 1))]
    call = {"index": 0, "id": "call_a", "function": {"name": "add", "arguments": part}}
    decoder = openai_chat.DIALECT.stream_decoder()
    answer = fold(decoder.feed(stream_of([{"tool_calls": [call]}], finish)) + decoder.end())
    assert answer.finish is not None
    assert answer.finish.reason == ("refusal" if finish == "content_filter" else "length")
    assert answer.finish.native_reason == finish


@pytest.mark.behaviour("T3")
@given(TEXT, st.text(max_size=20).filter(lambda text: "<" not in text), st.data())
def test_think_tags_may_be_cut_anywhere(thought: str, text: str, data: st.DataObject) -> None:
    content = f"<think>\n{thought}</think>\n\n{text}"
    reasoning, shown, _ = fold_of(stream_of([{"content": piece} for piece in cut(content, data.draw)]))
    assert (reasoning, shown) == (thought.lstrip("\n"), text.lstrip())


@given(st.text(alphabet="<think>/ \nx", max_size=30), st.data())
def test_think_tags_lose_nothing(content: str, data: st.DataObject) -> None:
    reasoning, text, _ = fold_of(stream_of([{"content": piece} for piece in cut(content, data.draw)]))
    left = (reasoning + text).replace(" ", "").replace("\n", "")
    whole = content.replace(" ", "").replace("\n", "")
    assert left in (whole, whole.replace("<think>", "", 1), whole.replace("<think>", "", 1).replace("</think>", "", 1))
