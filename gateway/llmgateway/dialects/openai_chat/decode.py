"""Chat completions, streamed or whole -> events. Only the choice with index 0 is read."""

from __future__ import annotations

from typing import Any

from llmgateway.dialects import upstream_failure
from llmgateway.dialects.mended_json import UNREADABLE, mended
from llmgateway.dialects.openai_chat.chunks import Choice, Chunk, Delta, ToolPart, decode_chunk, lone_content
from llmgateway.dialects.openai_chat.odd_content import citations_of, joined_parts
from llmgateway.dialects.openai_chat.think_tags import ThinkTags
from llmgateway.dialects.openai_chat.tool_fragments import ToolFragments
from llmgateway.dialects.openai_chat.usage import decode_timings, decode_usage
from llmgateway.events import (
    Event,
    FinishReason,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    TurnFailed,
    TurnFinished,
    TurnStarted,
    Usage,
    UsageReported,
)
from llmgateway.failures import Failure
from llmgateway.wire.sse import EventTooLong, SSEDecoder

_REASON: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "refusal",
    "max_tokens": "length",
    "end_turn": "stop",
    "eos": "stop",
}

_NOTHING_YET = (TurnStarted, UsageReported)

_NO_ANSWER = {"error", "abort", "insufficient_system_resource"}
"""finish_reason of servers that gave up: OpenRouter and vLLM, vLLM, DeepSeek."""


class ChatStreamDecoder:
    """One upstream stream. Its turn ends with `[DONE]`, or when the connection closes after a finish_reason."""

    def __init__(self) -> None:
        self._sse = SSEDecoder()
        self._tags: ThinkTags | None = ThinkTags()
        self._tools = ToolFragments()
        self._started = False
        self._ended = False
        self._native_reason = ""
        self._stop_sequence: str | None = None
        self._refusal: list[str] = []
        self._counted = False
        self._timings: Usage | None = None

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
        """The upstream closed; a turn without finish_reason or `[DONE]` has failed."""
        events: list[Event] = []
        for payload in self._sse.end():
            if not self._ended:
                self._read(payload, events)
        if not self._ended and self._native_reason:
            self._finish(events)
        elif not self._ended:
            self._fail(upstream_failure.closed_early(), events)
        return events

    @property
    def passes_text(self) -> bool:
        """True once the answer began and a `<think>` can't come any more."""
        return self._tags is None and self._started and not self._ended and self._sse.is_between

    def lone_text(self, payload: bytes) -> tuple[bytes, str] | None:
        """The content of a chunk that holds nothing else."""
        text = lone_content(payload)
        return None if text is None else (b'"content"', text)

    def whole(self, body: bytes) -> list[Event]:
        """A whole completion instead of a stream."""
        events: list[Event] = []
        self._read(body, events)
        if not self._ended and not self._native_reason and all(type(event) in _NOTHING_YET for event in events):
            self._fail(upstream_failure.no_answer("something that is no chat completion"), events)
        if not self._ended:
            self._finish(events)
        return events

    def _read(self, payload: bytes, events: list[Event]) -> None:
        try:
            chunk = decode_chunk(payload)
        except UNREADABLE:
            self._read_odd(payload, events)
            return
        if chunk.choices and self._started and chunk.error is None and chunk.usage is None:
            for choice in chunk.choices:
                if not choice.index:
                    self._choice(choice, events)
            if chunk.timings is not None:
                self._timings = decode_timings(chunk.timings)
        else:
            self._rare(chunk, payload, events)

    def _rare(self, chunk: Chunk, payload: bytes, events: list[Event]) -> None:
        """The first chunk, the one with the usage, errors, and objects of no known kind."""
        if chunk.error or (chunk.choices is None and chunk.usage is None):
            failure = upstream_failure.read_event(payload)
            if failure is not None:
                self._fail(failure, events)
            return
        if not self._started:
            self._start(chunk, events)
        for choice in chunk.choices or ():
            if not choice.index:
                self._choice(choice, events)
        self._timings = decode_timings(chunk.timings) or self._timings
        usage = decode_usage(chunk.usage)
        if usage is not None:
            self._counted = True
            events.append(UsageReported(usage))

    def _read_odd(self, payload: bytes, events: list[Event]) -> None:
        """`[DONE]`, broken characters, and what is no chunk at all."""
        if payload.strip() == b"[DONE]":
            self._finish(events)
            return
        better = mended(payload)
        if better != payload:
            self._read(better, events)
        elif payload.lstrip()[:1] == b"{" and b'"choices"' in payload:
            self._fail(upstream_failure.no_answer("a chunk that can't be read"), events)

    def _start(self, chunk: Chunk, events: list[Event]) -> None:
        self._started = True
        self._tools.seed = str(chunk.id)
        events.append(TurnStarted(chunk.model if isinstance(chunk.model, str) else ""))

    def _choice(self, choice: Choice, events: list[Event]) -> None:
        delta = choice.delta or choice.message
        if delta is not None:
            content = delta.content
            if content and (delta.reasoning_content or delta.reasoning):
                self._reason(delta, events)  # reasoning comes first in a message that holds both
            if content.__class__ is str and content and self._tags is None:
                events.append(TextDelta(content, choice.logprobs))
            elif content:
                self._content(content, choice.logprobs, events)
            if not content or delta.tool_calls or delta.refusal or delta.function_call or delta.annotations:
                self._beside_content(delta, events)
        if choice.finish_reason:
            self._native_reason = str(choice.finish_reason)
            self._stop_sequence = choice.stop_reason if isinstance(choice.stop_reason, str) else None

    def _content(self, content: Any, logprobs: Any, events: list[Event]) -> None:
        """Content while it may still begin with `<think>`, or as a list of parts."""
        text = content if isinstance(content, str) else joined_parts(content)
        if self._tags is None:
            if text:
                events.append(TextDelta(text, logprobs))
            return
        events.extend(self._tags.feed(text, logprobs))
        if self._tags.done:
            self._tags = None

    def _beside_content(self, delta: Delta, events: list[Event]) -> None:
        if not delta.content:
            self._reason(delta, events)
        if isinstance(delta.refusal, str) and delta.refusal:
            self._refusal.append(delta.refusal)
            events.append(RefusalDelta(delta.refusal))
        if delta.tool_calls or delta.function_call:
            self._flush_tags(events)
        for part in delta.tool_calls or ():
            self._tools.feed(part, events)
        if delta.function_call is not None:
            self._tools.feed(ToolPart(index=0, function=delta.function_call), events)
        if delta.annotations:
            events.extend(citations_of(delta.annotations))

    def _reason(self, delta: Delta, events: list[Event]) -> None:
        """Some servers send both names with the same text."""
        text = delta.reasoning_content or delta.reasoning
        if isinstance(text, str) and text:
            self._flush_tags(events)
            self._tags = None  # the server has a reasoning parser of its own
            events.append(ReasoningDelta(text))

    def _flush_tags(self, events: list[Event]) -> None:
        if self._tags is not None:
            events.extend(self._tags.flush())
            if self._tags.done:
                self._tags = None

    def _finish(self, events: list[Event]) -> None:
        native = self._native_reason
        if native in _NO_ANSWER:
            self._fail(upstream_failure.no_answer(f"finish_reason {native!r}"), events)
            return
        if self._tools.nameless:
            self._fail(upstream_failure.no_answer("a tool call without a name"), events)
            return
        if not self._started:
            self._start(Chunk(), events)
        self._flush_tags(events)
        reason = _REASON.get(native, "stop")
        truncated = self._tools.finish(events, cut=reason == "length")
        if self._timings is not None and not self._counted:
            events.append(UsageReported(self._timings))
        self._ended = True
        events.append(self._finished("length" if truncated and reason != "refusal" else reason))

    def _finished(self, reason: FinishReason) -> TurnFinished:
        if reason == "stop" and self._tools.any_started:
            reason = "tool_calls"
        elif reason == "stop" and self._refusal:
            reason = "refusal"
        elif reason == "stop" and self._stop_sequence is not None:
            return TurnFinished("stop_sequence", self._native_reason, self._stop_sequence)
        return TurnFinished(reason, self._native_reason, explanation="".join(self._refusal) or None)

    def _fail(self, failure: Failure, events: list[Event]) -> None:
        self._ended = True
        events.append(TurnFailed(failure))


def decode_whole(body: bytes) -> list[Event]:
    """A whole completion -> events; TurnFailed (bad_gateway) when it is none."""
    return ChatStreamDecoder().whole(body)
