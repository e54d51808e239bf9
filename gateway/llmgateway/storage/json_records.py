"""Records as JSON bytes, and the cursor of pages: one form for every implementation that keeps bytes."""

from __future__ import annotations

import math
from typing import Any

from llmgateway.storage.records import Document, Turn
from llmgateway.wire import json_codec

decode_turn = json_codec.typed_decoder(Turn).decode
decode_document = json_codec.typed_decoder(dict[str, Any]).decode
decode_documents = json_codec.typed_decoder(list[dict[str, Any]]).decode
decode_metadata = json_codec.typed_decoder(dict[str, str]).decode
encode = json_codec.encode


def document_or_empty(data: bytes | None) -> Document:
    """An object that may be missing."""
    return decode_document(data) if data else {}


def cursor(updated: float, identifier: str) -> str:
    """Where a page ended: time and id of its last conversation."""
    return f"{updated!r}/{identifier}"


def position(after: str) -> tuple[float, str]:
    """The reverse of `cursor`. Raises ValueError."""
    updated, slash, identifier = after.partition("/")
    if not slash:
        raise ValueError("the cursor is not one that a list gave")
    if not math.isfinite(float(updated)):
        raise ValueError("the cursor's time is no time")
    return float(updated), identifier
