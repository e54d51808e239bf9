"""The names of called tools, read from streams that pass unread."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgateway.tool_names import called_in


def event(document: Any) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def chat(*calls: Any) -> bytes:
    return event({"choices": [{"index": 0, "delta": {"tool_calls": list(calls)}}]})


@pytest.mark.behaviour("W7")
def test_a_chat_stream_names_a_tool_once() -> None:
    begun = chat({"index": 0, "id": "c1", "function": {"name": "look", "arguments": ""}})
    more = chat({"index": 0, "function": {"arguments": '{"name": "no tool"}'}})
    other = chat({"index": 1, "id": "c2", "function": {"name": "read", "arguments": "{}"}})
    assert called_in(begun + more + other, "chat") == ["look", "read"]


@pytest.mark.behaviour("W7")
def test_a_messages_stream_names_tools_and_nothing_else() -> None:
    begun = {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "tool_use", "id": "t", "name": "look"},
    }
    text = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": '"name": "x"'}}
    served = {"type": "content_block_start", "content_block": {"type": "server_tool_use", "name": "web_search"}}
    found = called_in(b"event: content_block_start\r\n" + event(begun) + event(text) + event(served), "messages")
    assert found == ["look"]


@pytest.mark.parametrize(
    "data",
    [b'data: {"name"\n\n', b'data: ["name"]\n\n', b': "name"\n\n', event({"choices": [{"delta": None, "name": 1}]})],
)
@pytest.mark.parametrize("dialect", ["chat", "messages"])
def test_what_cannot_be_read_names_none(data: bytes, dialect: str) -> None:
    assert called_in(data, dialect) == []
