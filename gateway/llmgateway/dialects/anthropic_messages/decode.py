"""Messages, streamed or whole -> events."""

from __future__ import annotations

from typing import Any

from llmgateway.dialects import upstream_failure
from llmgateway.dialects.anthropic_messages.blocks import Blocks
from llmgateway.dialects.anthropic_messages.stream_shapes import BlockDelta, StreamEvent, decode_event, lone_text
from llmgateway.dialects.anthropic_messages.usage import UsageReader
from llmgateway.dialects.mended_json import UNREADABLE, mended
from llmgateway.events import (
    Event,
    FinishReason,
    ReasoningDelta,
    TextDelta,
    TurnFailed,
    TurnFinished,
    TurnStarted,
    UsageReported,
)
from llmgateway.failures import Failure
from llmgateway.wire import json_codec
from llmgateway.wire.sse import EventTooLong, SSEDecoder

_REASON: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop_sequence",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "refusal",
    "pause_turn": "pause",
    "model_context_window_exceeded": "context_window",
}


class MessagesStreamDecoder:
    """One upstream stream. Its turn ends with message_stop, or when the connection closes after a stop_reason."""

    def __init__(self) -> None:
        self._sse = SSEDecoder()
        self._blocks = Blocks()
        self._usage = UsageReader()
        self._stop: BlockDelta | None = None
        self._started = False
        self._ended = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete."""
        events: list[Event] = []
        try:
            payloads = self._sse.feed(data)
        except EventTooLong as error:
            self._fail(upstream_failure.no_answer(str(error)), events)
            return events
        for payload in payloads:
            if self._ended:
                break
            self._read(payload, events)
        return events

    def end(self) -> list[Event]:
        """The upstream closed; a turn without a stop_reason has failed."""
        events: list[Event] = []
        for payload in self._sse.end():
            if not self._ended:
                self._read(payload, events)
        if not self._ended and self._stop is not None:
            self._finish(events)
        elif not self._ended:
            self._fail(upstream_failure.closed_early(), events)
        return events

    @property
    def passes_text(self) -> bool:
        """True between message_start and the end, while no block is open whose text is not the answer's."""
        return self._started and not self._ended and self._sse.is_between and self._blocks.are_text

    def lone_text(self, payload: bytes) -> tuple[bytes, str] | None:
        """The text of a text_delta in a text block."""
        text = lone_text(payload)
        return None if text is None else (b'"text"', text)

    def whole(self, body: bytes) -> list[Event]:
        """A whole message instead of a stream."""
        events: list[Event] = []
        try:
            message = json_codec.decode(body)
        except json_codec.InvalidJSON:
            message = None
        if not isinstance(message, dict) or not isinstance(message.get("content"), list):
            said = upstream_failure.read_event(body)
            self._fail(said or upstream_failure.no_answer("something that is no message"), events)
            return events
        self._start(message, events)
        for index, block in enumerate(message["content"]):
            self._blocks.start(index, block, events)
            self._blocks.stop(index, events)
        self._count(message.get("usage"), events)
        self._stop = BlockDelta(
            stop_reason=message.get("stop_reason"),
            stop_sequence=message.get("stop_sequence"),
            stop_details=message.get("stop_details"),
        )
        self._finish(events)
        return events

    def _read(self, payload: bytes, events: list[Event]) -> None:
        try:
            event = decode_event(payload)
        except UNREADABLE:
            self._read_odd(payload, events)
            return
        delta = event.delta
        if event.type == "content_block_delta" and delta is not None:
            if delta.type == "text_delta" and not self._blocks.is_opaque(event.index):
                if delta.text.__class__ is str and delta.text:
                    events.append(TextDelta(delta.text))
            elif delta.type == "thinking_delta" and not self._blocks.is_opaque(event.index):
                if delta.thinking.__class__ is str and delta.thinking:
                    events.append(ReasoningDelta(delta.thinking))
            else:
                self._blocks.delta(event.index, delta, payload, events)
        else:
            self._rare(event, payload, events)

    def _rare(self, event: StreamEvent, payload: bytes, events: list[Event]) -> None:
        """Everything but deltas of blocks; pings and unknown events say nothing."""
        match event.type:
            case "message_start":
                self._start(event.message if isinstance(event.message, dict) else {}, events)
            case "content_block_start":
                self._blocks.start(event.index, event.content_block, events)
            case "content_block_stop":
                self._blocks.stop(event.index, events)
            case "message_delta":
                self._count(event.usage, events)
                if event.delta is not None and event.delta.stop_reason:
                    self._stop = event.delta
            case "message_stop" if self._started:
                self._finish(events)
            case "message_stop":
                self._fail(upstream_failure.no_answer("the end of a message that never began"), events)
            case "error":
                self._fail(upstream_failure.read_event(payload) or upstream_failure.no_answer("an error"), events)
            case None:
                failure = upstream_failure.read_event(payload)
                if failure is not None:
                    self._fail(failure, events)

    def _read_odd(self, payload: bytes, events: list[Event]) -> None:
        """Broken characters, and what is no event at all."""
        better = mended(payload)
        if better != payload:
            self._read(better, events)
        elif payload.lstrip()[:1] == b"{" and b'"content_block' in payload:
            self._fail(upstream_failure.no_answer("an event that can't be read"), events)

    def _start(self, message: dict[str, Any], events: list[Event]) -> None:
        if not self._started:
            self._started = True
            model = message.get("model")
            usage = self._usage.add(message.get("usage"))
            events.append(TurnStarted(model if isinstance(model, str) else "", usage))

    def _count(self, found: Any, events: list[Event]) -> None:
        usage = self._usage.add(found)
        if usage is not None:
            events.append(UsageReported(usage))

    def _finish(self, events: list[Event]) -> None:
        stop = self._stop or BlockDelta()
        native = stop.stop_reason if isinstance(stop.stop_reason, str) else ""
        reason = _REASON.get(native, "stop")
        self._blocks.finish(events, cut=reason in ("length", "context_window"))
        if self._blocks.truncated and reason in ("stop", "tool_calls"):
            reason = "length"
        elif self._blocks.calls and reason == "stop":
            reason = "tool_calls"
        self._ended = True
        sequence = stop.stop_sequence if isinstance(stop.stop_sequence, str) else None
        if reason == "stop" and sequence:
            reason = "stop_sequence"  # llama.cpp says end_turn, and which sequence it was
        events.append(TurnFinished(reason, native, sequence, _explanation(stop.stop_details)))

    def _fail(self, failure: Failure, events: list[Event]) -> None:
        self._ended = True
        events.append(TurnFailed(failure))


def decode_whole(body: bytes) -> list[Event]:
    """A whole message -> events; TurnFailed (bad_gateway) when it is none."""
    return MessagesStreamDecoder().whole(body)


def _explanation(details: Any) -> str | None:
    explanation = details.get("explanation") if isinstance(details, dict) else None
    return explanation if isinstance(explanation, str) else None
