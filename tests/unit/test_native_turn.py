"""A stream of one dialect on both sides: the bytes are the upstream's, and only the events that tell are read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.dialects.reply import Reply
from llmgateway.native_turn import NativeStream
from llmgateway.server.dialects import DIALECTS, UPSTREAM_DIALECTS

NULL = b'"finish_reason":null'
END = {
    "chat": [
        b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n',
        b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5}}\n\n',
        b"data: [DONE]\n\n",
    ],
    "messages": [
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},'
        b'"usage":{"input_tokens":3,"output_tokens":5}}\n\n',
        b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    ],
}
TELLING = {
    "chat": [
        *END["chat"],
        b'data: {"choices":[{"index":0,"delta":{},"finish_reason" : "length"}], "usage" : {"prompt_tokens":1}}\n\n',
        b'data: {"error":{"message":"no","type":"server_error"}}\n\n',
    ],
    "messages": [
        *END["messages"],
        b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"no"}}\n\n',
    ],
}


def text(dialect: str, said: str) -> bytes:
    if dialect == "chat":
        return b'data: {"choices":[{"index":0,"delta":{"content":"%s"},%s}]}\n\n' % (said.encode(), NULL)
    delta = b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%s"}}' % said.encode()
    return b"event: content_block_delta\ndata: " + delta + b"\n\n"


def stream_of(dialect: str, **settings: Any) -> NativeStream:
    reply = Reply(id="0" * 32, model="m", created=1)
    decoder, encoder = UPSTREAM_DIALECTS[dialect].stream_decoder(), DIALECTS[dialect].stream_encoder(reply)
    return NativeStream(dialect, decoder, encoder, **settings)


@pytest.mark.parametrize("dialect", ["chat", "messages"])
@pytest.mark.parametrize("hide_usage", [False, True])
@given(data=st.data())
def test_however_a_stream_is_read_it_says_the_same(dialect: str, hide_usage: bool, data: st.DataObject) -> None:
    odd = [*TELLING[dialect], b": a comment\n\n", b"data: {}\r\n\r\n", text(dialect, "message_")]
    words = st.text("ab {}:", max_size=40).map(lambda said: text(dialect, said))
    events = data.draw(st.lists(words | st.sampled_from(odd), max_size=30))
    stream = b"".join(events)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    reads = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True) if start < end]
    at_once, one_by_one = stream_of(dialect, hide_usage=hide_usage), stream_of(dialect, hide_usage=hide_usage)
    passed = b"".join(map(at_once.receive, reads))
    singly = b"".join(map(one_by_one.receive, events))
    assert at_once.outcome == one_by_one.outcome
    assert at_once.ended == one_by_one.ended
    if not hide_usage:
        assert passed == singly == stream


@pytest.mark.parametrize("dialect", ["chat", "messages"])
@pytest.mark.parametrize("before", range(12))
def test_of_a_read_only_the_events_that_tell_are_parsed(
    dialect: str, before: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = stream_of(dialect)
    parsed: list[bytes] = []
    feed = stream._sse.feed
    monkeypatch.setattr(stream._sse, "feed", lambda data: (parsed.append(data), feed(data))[1])
    read = b"".join([text(dialect, f"word {number}" * number) for number in range(before)] + END[dialect])
    assert stream.receive(read) == read
    assert parsed == [b"".join(END[dialect])]
    assert stream.ended and stream.outcome.usage.output_tokens == 5
