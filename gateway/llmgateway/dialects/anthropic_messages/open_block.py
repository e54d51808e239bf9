"""The one content block that a Messages stream has open, and the events that open, fill and close it."""

from __future__ import annotations

from typing import Any, Literal

from llmgateway.dialects import tool_arguments
from llmgateway.dialects.anthropic_messages.event_bytes import DELTA_END, block_start, block_stop, delta_head
from llmgateway.wire.json_codec import encode
from llmgateway.wire.reasoning_token import wrap

Kind = Literal["", "text", "thinking", "tool_use"]

_DELTA: dict[Kind, tuple[str, str]] = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "tool_use": ("input_json_delta", "partial_json"),
}


class OpenBlock:
    """`kind` is "" while nothing is open; blocks are numbered in the order in which they are opened."""

    __slots__ = ("_index", "_kept", "call", "head", "kind")

    def __init__(self) -> None:
        self.kind: Kind = ""
        self.call = -1
        self.head = b""
        self._index = -1
        self._kept: list[str] = []

    def open(self, kind: Kind, block: dict[str, Any], call: int = -1) -> bytes:
        """Starts a block; `call` numbers a tool_use block's call."""
        self._index += 1
        self.kind, self.call, self._kept = kind, call, []
        self.head = delta_head(self._index, *_DELTA[kind])
        return block_start(self._index, block)

    def whole(self, block: dict[str, Any]) -> bytes:
        """A block that needs no deltas, but for the input of a server's tool, which clients expect as one."""
        self._index += 1
        value = block.get("input")
        if not value:
            return block_start(self._index, block) + block_stop(self._index)
        delta = delta_head(self._index, *_DELTA["tool_use"]) + encode(encode(value).decode()) + DELTA_END
        return block_start(self._index, {**block, "input": {}}) + delta + block_stop(self._index)

    def add(self, text: str) -> bytes:
        """More thinking or arguments, which the block's end depends on."""
        self._kept.append(text)
        return self.head + encode(text) + DELTA_END

    def cite(self, citation: dict[str, Any]) -> bytes:
        """A source of the open text."""
        return delta_head(self._index, "citations_delta", "citation") + encode(citation) + DELTA_END

    def arguments_end(self) -> bool:
        """True once the open call's arguments are one complete object."""
        return tool_arguments.object_ends(self._kept)

    def close(self, signature: str = "") -> bytes:
        """Ends the open block, if any. Thinking that nobody signed carries the gateway's own token."""
        if not self.kind:
            return b""
        signed = b""
        if self.kind == "thinking":
            signature = signature or wrap("".join(self._kept), None)
            signed = delta_head(self._index, "signature_delta", "signature") + encode(signature) + DELTA_END
        self.kind, self.call = "", -1
        return signed + block_stop(self._index)
