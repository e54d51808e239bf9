"""Which tools a piece of a stream calls, for streams that pass unread: their names feed a session's history (W7)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from llmgateway.wire import json_codec

HINT = b'"name"'
"""In every event that begins a tool call; inside of JSON strings it would have backslashes."""


def called_in(events: bytes, dialect: Literal["chat", "messages"] | str) -> list[str]:
    """Names of the tools that these whole events begin to call; what can't be read names none."""
    found: list[str] = []
    for line in events.splitlines():
        if line.find(HINT) >= 0 and line.startswith(b"data:"):
            try:
                document = json_codec.decode(line[5:])
            except json_codec.InvalidJSON:
                continue
            found += _NAMES[dialect](document)
    return found


def _in_chat(document: Any) -> Iterator[str]:
    """choices[].delta.tool_calls[].function.name, in a call's first chunk (OpenAI API reference, "Streaming")."""
    for choice in _items(document, "choices"):
        for call in _items(_member(choice, "delta"), "tool_calls"):
            yield from _name(_member(call, "function"))


def _in_messages(document: Any) -> Iterator[str]:
    """content_block_start of a tool_use block (Anthropic API reference, "Streaming messages")."""
    block = _member(document, "content_block")
    if _member(block, "type") == "tool_use":
        yield from _name(block)


_NAMES = {"chat": _in_chat, "messages": _in_messages}


def _name(named: Any) -> Iterator[str]:
    name = _member(named, "name")
    if isinstance(name, str) and name:
        yield name


def _items(document: Any, name: str) -> list[Any]:
    found = _member(document, name)
    return found if isinstance(found, list) else []


def _member(document: Any, name: str) -> Any:
    return document.get(name) if isinstance(document, dict) else None
