"""Events -> a Messages stream: message_start, ping, blocks strictly one after another, message_delta, message_stop.

Anthropic's blocks can't interleave. The call that is open streams; what arrives for anything else waits until its
arguments are one complete object.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from llmgateway.dialects.anthropic_messages.errors import error_object
from llmgateway.dialects.anthropic_messages.event_bytes import DELTA_END, MESSAGE_STOP, PING, event
from llmgateway.dialects.anthropic_messages.message_parts import ToolIds, citation_object, ending, message, tool_name
from llmgateway.dialects.anthropic_messages.open_block import OpenBlock
from llmgateway.dialects.anthropic_messages.usage import usage_object
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
from llmgateway.wire.json_codec import encode
from llmgateway.wire.text_splice import framed


class MessagesStreamEncoder:
    """One client stream."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._block = OpenBlock()
        self._waiting: deque[Event] = deque()
        self._ids = ToolIds(reply)
        self._usage = Usage(reply.input_tokens)
        self._refusal: list[str] = []
        self._pieces: list[bytes] = []
        self._releasing = False
        self._started = False
        self._ended = False

    def encode(self, events: Sequence[Event]) -> bytes:
        """All events of one upstream read in one piece of bytes (may be empty)."""
        if self._ended or not events:
            return b""
        pieces = self._pieces
        if not self._started and type(events[0]) is not TurnFailed:
            self._start(events[0])
        block = self._block
        for event_ in events:
            if type(event_) is TextDelta and block.kind == "text":
                pieces.append(block.head + encode(event_.text) + DELTA_END)
            else:
                self._take(event_)
        found = b"".join(pieces)
        pieces.clear()
        return found

    def pass_texts(self, insides: bytes) -> bytes:
        """A text_delta each; those of an open block are not read."""
        if self._block.kind != "text" or self._ended:
            return self.encode(text_deltas(insides))
        return framed(insides, self._block.head + b'"', b'"' + DELTA_END)

    def keep_alive(self) -> bytes:
        """A ping, which may come before message_start too."""
        return PING

    def _start(self, first: Event) -> None:
        self._started = True
        if isinstance(first, TurnStarted) and first.usage is not None:
            self._usage = first.usage
        self._pieces.append(event({"type": "message_start", "message": message(self._reply, self._usage)}) + PING)

    def _take(self, event_: Event) -> None:
        if self._must_wait(event_):
            self._waiting.append(event_)
        elif (handler := _HANDLERS.get(type(event_))) is not None:
            handler(self, event_)
        if self._waiting and self._block.call < 0 and not self._releasing:
            self._release()

    def _must_wait(self, event_: Event) -> bool:
        """Only content waits, and only for an open call that is not its own."""
        call = self._block.call
        if call < 0 or type(event_) in _NEVER_WAIT:
            return False
        if isinstance(event_, ToolArgumentsDelta | ToolCallFinished) and event_.index == call:
            return False
        return bool(self._waiting) or not self._block.arguments_end()

    def _release(self) -> None:
        """The open call has ended: what waited for it, in order; another call among it may make the rest wait on."""
        self._releasing = True
        queue = self._waiting
        self._waiting = deque()
        while queue:
            self._take(queue.popleft())
            if self._waiting and self._block.call < 0:
                queue.extendleft(reversed(self._waiting))
                self._waiting.clear()
        self._releasing = False

    def _text(self, event_: TextDelta | RefusalDelta) -> None:
        self._open_text()
        self._pieces.append(self._block.head + encode(event_.text) + DELTA_END)

    def _refuse(self, event_: RefusalDelta) -> None:
        """This dialect shows a refusal as text and explains it at the end."""
        self._refusal.append(event_.text)
        self._text(event_)

    def _open_text(self) -> None:
        if self._block.kind != "text":
            self._close()
            self._pieces.append(self._block.open("text", {"type": "text", "text": ""}))

    def _reason(self, event_: ReasoningDelta) -> None:
        self._open_thinking()
        self._pieces.append(self._block.add(event_.text))

    def _open_thinking(self) -> None:
        if self._block.kind != "thinking":
            self._close()
            self._pieces.append(self._block.open("thinking", {"type": "thinking", "thinking": "", "signature": ""}))

    def _sign(self, event_: ReasoningSignature) -> None:
        """Without text before it: reasoning that its producer keeps to itself."""
        self._open_thinking()
        self._pieces.append(self._block.close(event_.signature))

    def _redacted(self, event_: RedactedReasoning) -> None:
        self._close()
        self._pieces.append(self._block.whole({"type": "redacted_thinking", "data": event_.data}))

    def _opaque(self, event_: Opaque) -> None:
        if event_.dialect == "messages":
            self._close()
            self._pieces.append(self._block.whole(event_.payload))

    def _cite(self, event_: Citation) -> None:
        self._open_text()
        self._pieces.append(self._block.cite(citation_object(event_)))

    def _call_started(self, event_: ToolCallStarted) -> None:
        self._close()
        block = {
            "type": "tool_use",
            "id": self._ids.id_of(event_.index, event_.id),
            "name": tool_name(self._reply, event_.name),
            "input": {},
        }
        self._pieces.append(self._block.open("tool_use", block, event_.index))

    def _argue(self, event_: ToolArgumentsDelta) -> None:
        if event_.index != self._block.call:
            return  # more after the call's object was complete: white space
        self._pieces.append(self._block.add(event_.fragment))
        if self._waiting and self._block.arguments_end():
            self._close()

    def _call_finished(self, event_: ToolCallFinished) -> None:
        if event_.index == self._block.call:
            self._close()

    def _block_closed(self, _: BlockClosed) -> None:
        if self._block.kind in ("text", "thinking"):
            self._close()

    def _close(self) -> None:
        self._pieces.append(self._block.close())

    def _usage_reported(self, event_: UsageReported) -> None:
        self._usage = event_.usage

    def _finished(self, event_: TurnFinished) -> None:
        self._close()
        while self._waiting:
            self._release()
            self._close()
        self._ended = True
        delta = ending(event_, "".join(self._refusal))
        self._pieces.append(event({"type": "message_delta", "delta": delta, "usage": usage_object(self._usage)}))
        self._pieces.append(MESSAGE_STOP)

    def _failed(self, event_: TurnFailed) -> None:
        """The open block is closed, then an error; what waited is lost, as the turn is. A tool call that was cut stays
        open: its stop would present it as finished."""
        self._waiting.clear()
        if self._block.call < 0 or self._block.arguments_end():
            self._close()
        self._ended = True
        self._pieces.append(event({"type": "error", "error": error_object(event_.failure)}))


_NEVER_WAIT = frozenset({TurnStarted, UsageReported, TurnFinished, TurnFailed})

_HANDLERS: dict[type, Callable[[MessagesStreamEncoder, Any], None]] = {
    TextDelta: MessagesStreamEncoder._text,
    RefusalDelta: MessagesStreamEncoder._refuse,
    ReasoningDelta: MessagesStreamEncoder._reason,
    ReasoningSignature: MessagesStreamEncoder._sign,
    RedactedReasoning: MessagesStreamEncoder._redacted,
    Opaque: MessagesStreamEncoder._opaque,
    Citation: MessagesStreamEncoder._cite,
    ToolCallStarted: MessagesStreamEncoder._call_started,
    ToolArgumentsDelta: MessagesStreamEncoder._argue,
    ToolCallFinished: MessagesStreamEncoder._call_finished,
    BlockClosed: MessagesStreamEncoder._block_closed,
    UsageReported: MessagesStreamEncoder._usage_reported,
    TurnFinished: MessagesStreamEncoder._finished,
    TurnFailed: MessagesStreamEncoder._failed,
}
