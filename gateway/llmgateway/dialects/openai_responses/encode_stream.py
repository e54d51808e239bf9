"""Canonical events -> the server-sent events of one Responses stream.

Order (OpenAI API reference, "Streaming events"): response.created, response.in_progress, then per output item
`output_item.added`, its parts and deltas, `output_item.done`; last one of response.completed, .incomplete or .failed
with the whole response.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmgateway.dialects.openai_responses.errors import response_error
from llmgateway.dialects.openai_responses.event_writer import EventWriter, NumberedEvent
from llmgateway.dialects.openai_responses.items import View
from llmgateway.dialects.openai_responses.open_output import OpenOutput
from llmgateway.dialects.openai_responses.response_object import (
    INCOMPLETE_REASON,
    ResponseStatus,
    response_object,
)
from llmgateway.dialects.reply import Reply, text_deltas
from llmgateway.events import (
    BlockClosed,
    Citation,
    Event,
    Opaque,
    ReasoningDelta,
    ReasoningSignature,
    RedactedReasoning,
    RefusalDelta,
    TextDelta,
    ToolArgumentsDelta,
    ToolCallFinished,
    ToolCallStarted,
    TurnFailed,
    TurnFinished,
    TurnStarted,
    Usage,
    UsageReported,
)
from llmgateway.failures import Failure


class ResponsesStreamEncoder:
    """One stream. Nothing comes after its terminal event, whatever it is given."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._writer = EventWriter()
        self._output = OpenOutput(self._writer, reply, View(reply))
        self._usage: Usage | None = None
        self._completed_at: int | None = None
        self._refused = False
        self._is_created = False
        self._is_over = False

    def encode(self, events: Sequence[Event], *, completed_at: int | None = None) -> bytes:
        """All events of one upstream read in one piece of bytes. `completed_at` is Unix seconds, for the response that
        these events may complete."""
        return b"".join([data for _, data in self.encode_each(events, completed_at=completed_at)])

    def encode_each(self, events: Sequence[Event], *, completed_at: int | None = None) -> list[NumberedEvent]:
        """The same, each event with its sequence_number: what a resumed stream is replayed from."""
        self._completed_at = completed_at
        for event in events:
            if not self._is_over:
                self._create()
                self._add(event)
        return self._writer.take()

    def pass_texts(self, insides: bytes) -> bytes:
        """A delta each."""
        return self.encode(text_deltas(insides))

    def keep_alive(self) -> bytes:
        """A `keepalive` event: comments don't reset Codex's idle timer. Where nothing was sent yet response.created
        and response.in_progress come instead: the official SDKs' stream helpers raise on any other first event."""
        return b"".join([data for _, data in self.keep_alive_each()])

    def keep_alive_each(self) -> list[NumberedEvent]:
        """The same, each event with its sequence_number."""
        if self._is_over:
            return []
        if self._is_created:
            self._writer.write("keepalive", {})
        self._create()
        return self._writer.take()

    def response_object(self, status: ResponseStatus) -> dict[str, Any]:
        """The response as it stands, for a client that polls or cancels."""
        output = self._output.documents()
        if status != "in_progress":
            output = [item | {"status": "incomplete"} if item["status"] == "in_progress" else item for item in output]
        return response_object(self._reply, status, output, usage=self._usage)

    def _create(self) -> None:
        if self._is_created:
            return
        self._is_created = True
        response = response_object(self._reply, "in_progress")
        self._writer.write("response.created", {"response": response})
        self._writer.write("response.in_progress", {"response": response})

    def _add(self, event: Event) -> None:  # noqa: PLR0912 - one case per event, nothing else
        match event:
            case TextDelta():
                self._output.message().part("output_text").add(event.text, event.logprobs)
            case ToolArgumentsDelta():
                self._output.add_arguments(event.index, event.fragment)
            case ReasoningDelta():
                self._output.reasoning().add(event.text)
            case ReasoningSignature():
                self._output.sign(event.signature)
            case RefusalDelta():
                self._refuse(event.text)
            case ToolCallStarted():
                self._output.start_call(event)
            case ToolCallFinished():
                self._output.finish_call(event.index)
            case Citation():
                self._output.message().part("output_text").cite(event)
            case BlockClosed() | Opaque() | RedactedReasoning():
                self._output.close_block()
            case TurnStarted():
                self._usage = event.usage or self._usage
            case UsageReported():
                self._usage = event.usage
            case TurnFinished():
                self._finish(event)
            case TurnFailed():
                self._fail(event.failure)

    def _refuse(self, text: str) -> None:
        self._refused = True
        self._output.message().part("refusal").add(text)

    def _finish(self, event: TurnFinished) -> None:
        if event.reason == "refusal" and event.explanation and not self._refused:
            self._refuse(event.explanation)
        self._output.close(event.reason)
        reason = INCOMPLETE_REASON.get(event.reason)
        self._end("incomplete" if reason else "completed", usage=self._usage or Usage(), incomplete_reason=reason)

    def _fail(self, failure: Failure) -> None:
        self._output.close("failed")
        self._end("failed", usage=self._usage, error=response_error(failure))

    def _end(self, status: ResponseStatus, **facts: Any) -> None:
        output = self._output.documents()
        response = response_object(self._reply, status, output, completed_at=self._completed_at, **facts)
        self._writer.write(f"response.{status}", {"response": response})
        self._is_over = True
