"""What is read of Messages events; everything else is skipped unbuilt. Source: Anthropic API reference, "Streaming".

One shape for all events and one for all deltas: their fields don't collide, and an unknown kind is no error. Leaves
are `Any`, so that one odd leaf does not cost the event.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from llmgateway.dialects.mended_json import UNREADABLE
from llmgateway.wire import json_codec


class BlockDelta(Struct, gc=False):
    """`delta` of content_block_delta and of message_delta."""

    type: Any = None
    text: Any = None
    thinking: Any = None
    partial_json: Any = None
    signature: Any = None
    citation: Any = None
    stop_reason: Any = None
    stop_sequence: Any = None
    stop_details: Any = None


class StreamEvent(Struct, gc=False):
    """Any event of the stream."""

    type: Any = None
    index: int | None = None
    delta: BlockDelta | None = None
    content_block: Any = None
    message: Any = None
    usage: Any = None


decode_event = json_codec.typed_decoder(StreamEvent).decode
"""Raises what mended_json.UNREADABLE lists."""


def lone_text(event: bytes) -> str | None:
    """The text of a content_block_delta that holds a text_delta and nothing else that is read."""
    try:
        found = decode_event(event)
    except UNREADABLE:
        return None
    text = found.delta.text if found.delta is not None else None
    lone = StreamEvent(type="content_block_delta", index=found.index, delta=BlockDelta(type="text_delta", text=text))
    return text if found == lone and isinstance(text, str) and text else None
