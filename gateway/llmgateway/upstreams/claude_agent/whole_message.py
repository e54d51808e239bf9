"""The events of a streamed answer -> the message that the same request without `stream` would have brought.

Source: Anthropic API reference, "Streaming Messages": deltas append to their block, usage in message_delta is
cumulative and replaces what message_start said.
"""

from __future__ import annotations

from typing import Any

from llmgateway.dialects import tool_arguments
from llmgateway.wire import json_codec
from llmgateway.wire.sse import SSEDecoder

_APPENDED = {"text_delta": "text", "thinking_delta": "thinking", "compaction_delta": "content"}


def whole_message(stream: bytes) -> bytes:
    """A complete stream -> the JSON message."""
    decoder = SSEDecoder()
    message: dict[str, Any] = {}
    arguments: dict[int, list[str]] = {}
    for payload in [*decoder.feed(stream), *decoder.end()]:
        event = json_codec.decode(payload)
        match event["type"]:
            case "message_start":
                message = {**event["message"], "content": []}
            case "content_block_start":
                message["content"].append(event["content_block"])
            case "content_block_delta":
                _append(message["content"], event["index"], event["delta"], arguments)
            case "message_delta":
                message |= event["delta"]
                message["usage"] = {**message.get("usage", {}), **(event.get("usage") or {})}
    for index, fragments in arguments.items():
        message["content"][index]["input"] = tool_arguments.as_object("".join(fragments))
    return json_codec.encode(message)


def _append(content: list[dict[str, Any]], index: int, delta: dict[str, Any], arguments: dict[int, list[str]]) -> None:
    block, kind = content[index], delta["type"]
    if kind == "input_json_delta":
        arguments.setdefault(index, []).append(delta["partial_json"])
    elif kind == "citations_delta":
        block["citations"] = [*(block.get("citations") or []), delta["citation"]]
    elif kind == "signature_delta":
        block["signature"] = delta["signature"]
    elif kind in _APPENDED:
        name = _APPENDED[kind]
        block[name] = (block.get(name) or "") + (delta.get(name) or "")
