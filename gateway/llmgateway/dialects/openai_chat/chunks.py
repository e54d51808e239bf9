"""What is read of a chat completion and of its chunks; everything else is skipped unbuilt.

Leaves are `Any`: servers differ in them (null, numbers for strings, objects for JSON text), and one odd leaf must not
cost the whole chunk. Their types are checked where they are used. Source: OpenAI API reference, "The chat completion
chunk object"; `reasoning` of vLLM and Ollama, `reasoning_content` of llama.cpp and DeepSeek, `timings` of llama.cpp,
`stop_reason` of vLLM.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from llmgateway.dialects.mended_json import UNREADABLE
from llmgateway.wire import json_codec


class FunctionPart(Struct, gc=False):
    """A function's name, and JSON text (some servers: the object itself)."""

    name: Any = None
    arguments: Any = None


class CustomPart(Struct, gc=False):
    """A freeform tool's name and its input."""

    name: Any = None
    input: Any = None


class ToolPart(Struct, gc=False):
    """A fragment of a tool call, or a whole one."""

    index: Any = None
    id: Any = None
    function: FunctionPart | None = None
    custom: CustomPart | None = None


class Delta(Struct, gc=False):
    """What one chunk adds to a message; a whole message has the same fields."""

    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    tool_calls: list[ToolPart] | None = None
    function_call: FunctionPart | None = None
    annotations: Any = None


class Choice(Struct, gc=False):
    """One choice; streams fill `delta`, whole answers `message`."""

    index: Any = None
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: Any = None
    stop_reason: Any = None
    logprobs: Any = None


class Chunk(Struct, gc=False):
    """One chunk, or a whole completion."""

    choices: list[Choice] | None = None
    id: Any = None
    model: Any = None
    usage: Any = None
    timings: Any = None
    error: Any = None


decode_chunk = json_codec.typed_decoder(Chunk).decode
"""Raises what mended_json.UNREADABLE lists."""


def lone_content(chunk: bytes) -> str | None:
    """The text of a chunk that holds one choice with its content, and nothing else that is read."""
    try:
        found = decode_chunk(chunk)
    except UNREADABLE:
        return None
    choice = found.choices[0] if found.choices and not found.choices[0].index else Choice()
    text = choice.delta.content if choice.delta is not None else None
    lone = Chunk([Choice(choice.index, Delta(text))], found.id, found.model)
    return text if found == lone and isinstance(text, str) and text else None
