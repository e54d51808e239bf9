"""Texts that pass unparsed are the same bytes that the parser and the encoder would have made of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.dialects.reply import Reply
from llmgateway.server.dialects import DIALECTS, UPSTREAM_DIALECTS
from llmgateway.turn import TranslatedStream
from llmgateway.wire.text_splice import MAX_LESSONS, TextSplice

PAIRS = [("chat", "messages"), ("chat", "responses"), ("messages", "chat"), ("messages", "responses")]


def turns(upstream: str, client: str) -> tuple[TranslatedStream, TranslatedStream]:
    """One that lets texts pass, and one that sees every event."""

    def turn(*passed: Any) -> TranslatedStream:
        reply = Reply(id="0" * 32, model="m", created=1)
        return TranslatedStream(
            UPSTREAM_DIALECTS[upstream].stream_decoder(), DIALECTS[client].stream_encoder(reply), *passed
        )

    return turn(), turn(lambda events: events)


def chat_event(delta: dict[str, Any], *, ascii_only: bool = False, **fields: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": None, **fields.pop("choice", {})}
    chunk = {"id": "chatcmpl-1", "created": 1, "model": "m", "choices": [choice], **fields}
    return b"data: " + json.dumps(chunk, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass") + b"\n\n"


def messages_event(kind: str, *, ascii_only: bool = False, **fields: Any) -> bytes:
    data = json.dumps({"type": kind, **fields}, ensure_ascii=ascii_only)
    return f"event: {kind}\ndata: {data}\n\n".encode("utf-8", "surrogatepass")


words = st.text(st.characters(codec="utf-8") | st.sampled_from('\\"\n\t{}:content '), max_size=12)
odd = st.sampled_from(
    [
        chat_event({"role": "assistant", "content": ""}),
        chat_event({"reasoning_content": "hm"}),
        chat_event({"content": "a", "refusal": "no"}),
        chat_event({"content": "a"}, choice={"logprobs": {"content": []}}),
        chat_event({"content": "a"}, choice={"index": 1}),
        chat_event({"content": [{"type": "text", "text": "parts"}]}),
        chat_event({"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "f", "arguments": "{}"}}]}),
        chat_event({"content": "x"}, timings={"predicted_n": 3}),
        chat_event({"content": "x"}, usage={"prompt_tokens": 1, "completion_tokens": 2}),
        chat_event({"content": "x"}, choice={"text": "y"}),
        b": a comment\n\n",
        b'data: {"choices":[{"delta":{"content":"caf\xc3"}}]}\n\n',
        b'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\r\n\r\n',
        b'data: {"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":"two\ndata: lines"}}]}\n\n',
        b"data: [DONE]\n\n",
    ]
)
chat_streams = st.lists(
    st.builds(chat_event, st.fixed_dictionaries({"content": words}), ascii_only=st.booleans()) | odd, max_size=20
)


def text_delta(text: str, *, ascii_only: bool) -> bytes:
    return messages_event(
        "content_block_delta", ascii_only=ascii_only, index=0, delta={"type": "text_delta", "text": text}
    )


message = {"id": "msg_1", "model": "m", "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}}
citation = messages_event(
    "content_block_delta",
    index=0,
    delta={
        "type": "citations_delta",
        "citation": {"type": "web_search_result_location", "url": "https://a.example", "title": "t", "cited_text": "c"},
    },
)
block_events = st.sampled_from(
    [
        citation,
        messages_event("ping"),
        messages_event("content_block_stop", index=0),
        messages_event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        messages_event(
            "content_block_start", index=0, content_block={"type": "server_tool_use", "id": "s", "input": {}}
        ),
        messages_event("content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "hm"}),
        messages_event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 5}),
        messages_event("message_stop"),
    ]
)
messages_streams = st.lists(st.builds(text_delta, words, ascii_only=st.booleans()) | block_events, max_size=20).map(
    lambda events: [messages_event("message_start", message=message), *events]
)


@pytest.mark.parametrize(("upstream", "client"), PAIRS)
@given(data=st.data())
def test_texts_that_pass_are_what_the_parser_makes_of_them(upstream: str, client: str, data: st.DataObject) -> None:
    stream = b"".join(data.draw(chat_streams if upstream == "chat" else messages_streams))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    reads = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True) if start < end]
    if data.draw(st.booleans()):  # as servers send: whole events
        reads = [event + b"\n\n" for event in stream.split(b"\n\n") if event]
    passing, seeing = turns(upstream, client)
    for read in reads:
        assert passing.receive(read) == seeing.receive(read)
    assert passing.end() == seeing.end()
    assert passing.outcome == seeing.outcome


@pytest.mark.parametrize(("upstream", "client"), PAIRS)
def test_the_parser_sees_one_text_and_no_more(upstream: str, client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    passing, _ = turns(upstream, client)
    if upstream == "chat":
        events = [chat_event({"role": "assistant", "content": "a"})] + [chat_event({"content": "b"})] * 50
    else:
        start = messages_event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        events = [messages_event("message_start", message=message), start] + [text_delta("b", ascii_only=True)] * 50
    for event in events[:3]:
        passing.receive(event)
    monkeypatch.setattr(passing._decoder, "feed", lambda data: pytest.fail("it was parsed"))
    assert passing.receive(b"".join(events[3:])).count(b'"b"') == len(events) - 3


@pytest.mark.parametrize(("upstream", "client"), PAIRS)
@pytest.mark.parametrize("read_size", [10**6, 5_000])
def test_the_parser_sees_what_stands_around_the_texts_of_a_read_and_no_more(
    upstream: str, client: str, read_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    passing, seeing = turns(upstream, client)
    if upstream == "chat":
        texts = [chat_event({"content": f"word {number}"}) for number in range(200)]
        events = [
            chat_event({"role": "assistant", "content": ""}),
            *texts,
            chat_event({}, choice={"finish_reason": "stop"}),
        ]
    else:
        start = messages_event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        texts = [text_delta(f"word {number}", ascii_only=True) for number in range(200)]
        ends = [messages_event("content_block_stop", index=0), messages_event("message_stop")]
        events = [messages_event("message_start", message=message), start, *texts, *ends]
    stream = b"".join(events)
    parsed: list[bytes] = []
    feed = passing._decoder.feed
    monkeypatch.setattr(passing._decoder, "feed", lambda data: (parsed.append(data), feed(data))[1])
    reads = [stream[start : start + read_size] for start in range(0, len(stream), read_size)]
    assert b"".join(map(passing.receive, reads)) == b"".join(map(seeing.receive, reads))
    assert b"".join(parsed).count(b"word ") <= 1 + len(reads)  # the lesson, and what a read cuts in two


def test_a_stream_whose_events_all_differ_is_soon_left_alone() -> None:
    splice = TextSplice()
    for number in range(MAX_LESSONS):
        assert splice.may_learn_from(b"data: ")
        event = chat_event({"content": "a"}, obfuscation=f"{number}x")
        splice.learn(event, (b'"content"', "a"))
        assert splice.texts(chat_event({"content": "b"}, obfuscation="y")) is None
    assert not splice.may_learn_from(b"data: ")


@pytest.mark.parametrize(
    "event",
    [
        b'data: {"choices":[{"delta":{"content":"\\u0061"}}],"model":"a"}\n\n',  # another spelling than the encoder's
        b'data: {"choices":[{"delta":{"content":"a","x":{"content":"a"}}}]}\n\n',  # two members of the name
        b'data: {"choices":[{"delta":{"content": ["a"]}}]}\n\n',
    ],
)
def test_what_is_not_plain_teaches_nothing(event: bytes) -> None:
    splice = TextSplice()
    splice.learn(event, (b'"content"', "a"))
    assert splice.texts(event) is None


def test_a_source_stands_behind_all_texts_that_passed() -> None:
    passing, seeing = turns("messages", "chat")
    start = messages_event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    reads = [messages_event("message_start", message=message), start]
    reads += [text_delta(text, ascii_only=False) for text in ("Zürich", ' "is"', "\n", "far")]
    reads += [citation, messages_event("content_block_stop", index=0)]
    told = [(passing.receive(read), seeing.receive(read)) for read in reads]
    assert all(passed == seen for passed, seen in told)
    assert b'"end_index":15' in told[-1][0]
