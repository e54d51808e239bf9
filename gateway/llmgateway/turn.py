"""One streamed turn without I/O: upstream bytes in, client bytes out, and what came of it.

`TranslatedStream` speaks one dialect upstream and another to the client; `native_turn.py` is for a dialect that both
share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct, field

from llmgateway.dialects.reply import StreamDecoder, StreamEncoder
from llmgateway.events import (
    Event,
    ReasoningDelta,
    TextDelta,
    ToolArgumentsDelta,
    ToolCallStarted,
    TurnFailed,
    TurnFinished,
    TurnStarted,
    Usage,
    UsageReported,
)
from llmgateway.failures import Failure
from llmgateway.wire.sse import data_of
from llmgateway.wire.text_splice import TextSplice

CONTENT = frozenset({TextDelta, ReasoningDelta, ToolArgumentsDelta})


class Outcome(Struct):
    """What came of a turn, for logs, metrics and limits."""

    usage: Usage = field(default_factory=Usage)
    finish: TurnFinished | None = None
    failure: Failure | None = None
    tools: list[str] = field(default_factory=list)
    """Names of the tools that were called."""

    def note(self, events: Sequence[Event]) -> None:
        """Keeps what these events tell."""
        for event in events:
            if type(event) in CONTENT:  # one look-up for nearly all events
                continue
            if isinstance(event, UsageReported):
                self.usage = event.usage
            elif isinstance(event, TurnStarted):
                self.usage = event.usage or self.usage
            elif isinstance(event, ToolCallStarted):
                self.tools.append(event.name)
            elif isinstance(event, TurnFinished):
                self.finish = event
            elif isinstance(event, TurnFailed):
                self.failure = event.failure


class StreamedTurn(Protocol):
    """What the server pumps: every method returns bytes for the client (maybe none)."""

    outcome: Outcome

    @property
    def ended(self) -> bool:
        """True once the turn finished or failed: nothing more is due."""
        ...

    def receive(self, data: bytes) -> bytes:
        """Bytes of one upstream read -> bytes for the client."""
        ...

    def end(self) -> bytes:
        """The upstream closed."""
        ...

    def fail(self, failure: Failure) -> bytes:
        """The turn can't go on: the dialect's in-band error; nothing when it had already ended."""
        ...

    def keep_alive(self) -> bytes:
        """A sign of life; nothing while an event is half sent or after the end."""
        ...


class TranslatedStream:
    """upstream dialect -> events -> policies on answers (`passed`) -> client dialect."""

    __slots__ = ("_decoder", "_encoder", "_passed", "_splice", "outcome")

    def __init__(
        self,
        decoder: StreamDecoder,
        encoder: StreamEncoder,
        passed: Callable[[Sequence[Event]], Sequence[Event]] | None = None,
    ) -> None:
        self._decoder = decoder
        self._encoder = encoder
        self._passed = passed
        self._splice = TextSplice()
        self.outcome = Outcome()

    @property
    def ended(self) -> bool:
        """True once the client has seen its last event."""
        return self.outcome.finish is not None or self.outcome.failure is not None

    def receive(self, data: bytes) -> bytes:
        """Bytes of one upstream read -> bytes for the client, in one piece. Texts that nobody needs to see are not
        parsed."""
        if self._passed is not None:
            return self._parsed(data)
        begun, found = b"", None
        while data and (found := self._texts(data)) is None and self._splice.may_learn_from(data):
            first, data = _first_event(data)
            begun += self._learn(first)
        if found is None:
            return begun + self._parsed(data)
        texts, rest = found
        return begun + self._encoder.pass_texts(texts) + self._parsed(rest)

    def receive_events(self, events: Sequence[Event]) -> bytes:
        """For an upstream that answered whole although a stream was asked."""
        return self._encode(events)

    def end(self) -> bytes:
        """The upstream closed: what is still due; an error event when it died."""
        return b"" if self.ended else self._encode(self._decoder.end())

    def fail(self, failure: Failure) -> bytes:
        """The dialect's in-band error; nothing when the turn had already ended."""
        return b"" if self.ended else self._encode([TurnFailed(failure)])

    def keep_alive(self) -> bytes:
        """A sign of life; nothing after the end."""
        return b"" if self.ended else self._encoder.keep_alive()

    def _parsed(self, data: bytes) -> bytes:
        return self._encode(self._decoder.feed(data)) if data else b""

    def _texts(self, data: bytes) -> tuple[bytes, bytes] | None:
        found = self._splice.texts(data)
        return found if found is not None and self._decoder.passes_text else None

    def _learn(self, event: bytes) -> bytes:
        """An event that is parsed is a lesson, if it is a text: those that follow may pass then."""
        events = self._decoder.feed(event)
        is_text = len(events) == 1 and type(events[0]) is TextDelta
        lone = self._decoder.lone_text(data_of(event.rstrip(b"\n")) or b"") if is_text else None
        self._splice.learn(event, lone)
        return self._encode(events)

    def _encode(self, events: Sequence[Event]) -> bytes:
        if not events:
            return b""
        self.outcome.note(events)
        return self._encoder.encode(events if self._passed is None else self._passed(events))


def _first_event(data: bytes) -> tuple[bytes, bytes]:
    cut = data.find(b"\n\n", 0, -2) + 2
    return (data[:cut], data[cut:]) if cut > 1 else (data, b"")
