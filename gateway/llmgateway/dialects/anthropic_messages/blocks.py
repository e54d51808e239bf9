"""Content blocks, streamed or whole -> events. A whole block is one that starts full and stops at once."""

from __future__ import annotations

from typing import Any

from llmgateway.dialects import tool_arguments
from llmgateway.dialects.anthropic_messages.stream_shapes import BlockDelta
from llmgateway.events import (
    BlockClosed,
    Citation,
    Event,
    Opaque,
    ReasoningDelta,
    ReasoningSignature,
    RedactedReasoning,
    TextDelta,
    ToolArgumentsDelta,
    ToolCallFinished,
    ToolCallStarted,
)
from llmgateway.wire import json_codec


class OpenBlock:
    """A block that was started: what its end will need."""

    __slots__ = ("call", "fragments", "kind", "payload", "signature")

    def __init__(self, kind: str, payload: dict[str, Any], call: int = -1) -> None:
        self.kind = kind
        self.payload = payload
        self.call = call
        self.fragments: list[str] = []
        self.signature = _text(payload.get("signature"))


class Blocks:
    """The blocks of one answer. Blocks of unknown kinds, and those of Anthropic's own tools, become Opaque."""

    def __init__(self) -> None:
        self.calls = 0
        self.truncated = False
        self._open: dict[int | None, OpenBlock] = {}
        self._without_arguments: OpenBlock | None = None  # the last call, stopped without any

    def start(self, index: int | None, payload: Any, events: list[Event]) -> None:
        """content_block_start."""
        if not isinstance(payload, dict):
            return
        self.stop(index, events)  # an index that was never stopped
        self._finish_without_arguments(events)
        kind = _text(payload.get("type"))
        self._open[index] = block = OpenBlock(kind, payload)
        if kind == "text":
            if text := _text(payload.get("text")):
                events.append(TextDelta(text))
            citations = payload.get("citations")
            for citation in citations if isinstance(citations, list) else ():
                cite(citation, events)
        elif kind == "thinking":
            if text := _text(payload.get("thinking")):
                events.append(ReasoningDelta(text))
        elif kind == "tool_use":
            block.call = self.calls
            self.calls += 1
            events.append(ToolCallStarted(block.call, _text(payload.get("id")), _text(payload.get("name"))))

    def delta(self, index: int | None, delta: BlockDelta, raw: bytes, events: list[Event]) -> None:
        """content_block_delta, all but text; `raw` is the whole event, for blocks of unknown kinds."""
        block = self._open.get(index)
        if block is None:
            return
        if block.kind == "tool_use":
            self._argue(block, _text(delta.partial_json), events)
        elif block.kind == "thinking":
            block.signature += _text(delta.signature)
        elif block.kind == "text":
            if delta.citation is not None:
                cite(delta.citation, events)
        elif delta.partial_json is not None:
            block.fragments.append(_text(delta.partial_json))
        else:
            _grow(block.payload, raw)

    def is_opaque(self, index: int | None) -> bool:
        """True for an open block whose text is not the answer's."""
        block = self._open.get(index)
        return block is not None and block.kind not in ("text", "thinking", "tool_use")

    @property
    def are_text(self) -> bool:
        """True where no block is open but of text."""
        return all(block.kind == "text" for block in self._open.values())

    def stop(self, index: int | None, events: list[Event]) -> None:
        """content_block_stop."""
        block = self._open.pop(index, None)
        if block is None:
            return
        if block.kind == "text":
            events.append(BlockClosed())
        elif block.kind == "thinking":
            events.append(ReasoningSignature(block.signature) if block.signature else BlockClosed())
        elif block.kind == "tool_use":
            self._stop_call(block, events)
        elif block.kind == "redacted_thinking":
            events.append(RedactedReasoning(_text(block.payload.get("data"))))
        else:
            events.append(Opaque("messages", _with_input(block)))

    def finish(self, events: list[Event], *, cut: bool) -> None:
        """The turn is over: blocks that nobody stopped are stopped.

        `cut`: the model ran out of tokens, so a last call without arguments may have lost them.
        """
        for index in list(self._open):
            self.stop(index, events)
        if not cut:
            self._finish_without_arguments(events)

    def _argue(self, block: OpenBlock, fragment: str, events: list[Event]) -> None:
        if fragment:
            block.fragments.append(fragment)
            events.append(ToolArgumentsDelta(block.call, fragment))

    def _stop_call(self, block: OpenBlock, events: list[Event]) -> None:
        """Only whole arguments finish a call: an answer cut by max_tokens stops its block too."""
        if not block.fragments and block.payload.get("input"):
            self._argue(block, json_codec.encode(block.payload["input"]).decode(), events)
        arguments = "".join(block.fragments)
        if not arguments.strip():
            self._without_arguments = block
        elif tool_arguments.are_whole(arguments):
            events.append(ToolCallFinished(block.call))
        else:
            self.truncated = True

    def _finish_without_arguments(self, events: list[Event]) -> None:
        """Another block begins, or the turn ends well: the call had no arguments to lose."""
        if self._without_arguments is not None:
            events.append(ToolCallFinished(self._without_arguments.call))
            self._without_arguments = None


def cite(payload: Any, events: list[Event]) -> None:
    """Citations of web and search results have an address, those of documents only a title."""
    if not isinstance(payload, dict):
        return
    source = _text(payload.get("source"))
    url = _text(payload.get("url")) or (source if source.startswith(("http://", "https://")) else "")
    events.append(Citation(url, _text(payload.get("title")) or _text(payload.get("document_title")), payload))


def _with_input(block: OpenBlock) -> dict[str, Any]:
    arguments = "".join(block.fragments)
    return {**block.payload, "input": tool_arguments.as_object(arguments)} if arguments else block.payload


def _grow(payload: dict[str, Any], raw: bytes) -> None:
    """A delta of an unknown kind: text is joined to the block's field of the same name, other values replace it."""
    try:
        delta = json_codec.decode(raw)["delta"]
    except json_codec.InvalidJSON:
        return
    for name, value in delta.items():
        if name != "type":
            before = payload.get(name)
            payload[name] = before + value if isinstance(before, str) and isinstance(value, str) else value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
