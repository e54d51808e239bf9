"""The server-sent events of a Messages stream as bytes; what never changes is made once.

Source: Anthropic API reference, "Streaming"; the name of an event is always its data's `type`.
"""

from __future__ import annotations

from typing import Any

from llmgateway.wire.json_codec import encode

PING = b'event: ping\ndata: {"type":"ping"}\n\n'
MESSAGE_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
DELTA_END = b"}}\n\n"


def event(data: dict[str, Any]) -> bytes:
    """Any event; `data` holds its `type`."""
    return b"event: " + str(data["type"]).encode() + b"\ndata: " + encode(data) + b"\n\n"


def block_start(index: int, block: dict[str, Any]) -> bytes:
    """content_block_start."""
    return event({"type": "content_block_start", "index": index, "content_block": block})


def block_stop(index: int) -> bytes:
    """content_block_stop."""
    return b'event: content_block_stop\ndata: {"type":"content_block_stop","index":%d}\n\n' % index


def delta_head(index: int, kind: str, field: str) -> bytes:
    """A content_block_delta up to its value: encode(value) and DELTA_END complete it."""
    opening = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{' % index
    return opening + b'"type":"%s","%s":' % (kind.encode(), field.encode())
