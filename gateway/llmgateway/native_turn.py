"""A streamed turn whose upstream and client speak one dialect: bytes pass untouched.

`NativeStream` only listens: for usage, for the end, and for an upstream that dies without one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from llmgateway import tool_names
from llmgateway.dialects.reply import StreamDecoder, StreamEncoder
from llmgateway.events import Event, ToolCallStarted, TurnFailed
from llmgateway.failures import Failure
from llmgateway.turn import Outcome
from llmgateway.wire.sse import MAX_EVENT_BYTES, SSEDecoder


def _chat_tells(data: bytes) -> bool:
    """The end, an error, or a `finish_reason` or `usage` that is more than null; cheap, and never wrong to say True."""
    return (
        data.find(b"[DONE]") >= 0
        or data.find(b'"error"') >= 0
        or data.count(b'"finish_reason"') != data.count(b'"finish_reason":null')
        or (data.find(b'"usage"') >= 0 and data.count(b'"usage"') != data.count(b'"usage":null'))
    )


def _messages_tell(data: bytes) -> bool:
    """message_start, message_delta, message_stop, or an error."""
    return data.find(b"message_") >= 0 or data.find(b'"error"') >= 0


TELLS: dict[str, Callable[[bytes], bool]] = {"chat": _chat_tells, "messages": _messages_tell}
"""Per dialect: may these bytes tell about usage, the end, or a failure? All others pass unparsed."""

SIGNS: dict[str, tuple[re.Pattern[bytes], ...]] = {
    "chat": tuple(map(re.compile, (rb'"finish_reason"\s*:\s*"', rb'"usage"\s*:\s*\{', rb'"error"', rb"\[DONE\]"))),
    "messages": tuple(map(re.compile, (rb"message_", rb'"error"'))),
}
"""Per dialect: what an event that tells has in it. One pattern each: a literal beginning is searched for fast."""

LAST_EVENT: dict[str, re.Pattern[bytes]] = {
    "chat": re.compile(rb"\A\s*\[DONE\]"),
    "messages": re.compile(rb'"type"\s*:\s*"message_stop"'),
}
"""Per dialect: the event after which nothing comes."""

_USAGE_ONLY = re.compile(rb'"choices"\s*:\s*\[\s*\]')


class NativeStream:
    """Same dialect on both sides: bytes pass; a listener reads the few telling events.

    Only whole events are passed on, so that a keep-alive or an error can stand between any two. With `hide_usage`
    (chat: the gateway asked for the usage chunk, the client did not) the usage chunk is left out.
    """

    __slots__ = (
        "_decoder",
        "_dialect",
        "_encoder",
        "_held",
        "_hide_usage",
        "_signs",
        "_sse",
        "_tells",
        "ended",
        "outcome",
    )

    def __init__(
        self, dialect: str, decoder: StreamDecoder, encoder: StreamEncoder, *, hide_usage: bool = False
    ) -> None:
        self._dialect = dialect
        self._tells = TELLS[dialect]
        self._signs = SIGNS[dialect]
        self._decoder = decoder
        self._encoder = encoder
        self._hide_usage = hide_usage
        self._sse = SSEDecoder()
        self._held = bytearray()
        self.ended = False
        self.outcome = Outcome()

    def receive(self, data: bytes) -> bytes:
        """The same bytes up to the last whole event (less a hidden usage chunk)."""
        whole = data if not self._held and data.endswith(b"\n\n") else self._whole_events(data)
        if whole.find(tool_names.HINT) >= 0:
            self.outcome.tools += tool_names.called_in(whole, self._dialect)
        if not self._tells(whole):
            return whole if len(self._held) <= MAX_EVENT_BYTES else self._too_long()
        calm, telling = self._apart(whole)
        kept = [payload for payload in self._sse.feed(telling) if self._passes(payload)]
        return calm + (_framed(kept) if self._hide_usage else telling)

    def end(self) -> bytes:
        """The upstream closed: what lacked only its blank line; an error event when the turn was not finished."""
        if self.ended:
            return b""
        payloads = [*self._sse.feed(bytes(self._held)), *self._sse.end()]
        rest = [payload for payload in payloads if self._passes(payload)]
        self.ended = True
        self._hear(self._decoder.end())
        if self.outcome.finish is None and self.outcome.failure is not None:
            return self._encoder.encode([TurnFailed(self.outcome.failure)])
        if self._hide_usage or not self._held:
            return _framed(rest)
        return bytes(self._held) + b"\n\n"

    def fail(self, failure: Failure) -> bytes:
        """The dialect's in-band error; nothing when the turn had already ended."""
        if self.ended:
            return b""
        self.ended = True
        self.outcome.failure = failure
        return self._encoder.encode([TurnFailed(failure)])

    def keep_alive(self) -> bytes:
        """A sign of life; nothing after the end."""
        return b"" if self.ended else self._encoder.keep_alive()

    def _apart(self, events: bytes) -> tuple[bytes, bytes]:
        """What comes before the first event that may tell, and the rest. Halving looks at each byte about once more, as
        cheaply as `_tells` does; the patterns of SIGNS cost several times that."""
        start, stop = 0, len(events)
        while start < (middle := _boundary(events, start, stop)) < stop:
            start, stop = (start, middle) if self._tells(events[start:middle]) else (middle, stop)
        return events[:start], events[start:]

    def _passes(self, payload: bytes) -> bool:
        if not any(sign.search(payload) for sign in self._signs):
            return True
        self._hear(self._decoder.feed(b"data: " + payload + b"\n\n"))
        if self.outcome.failure is not None or LAST_EVENT[self._dialect].search(payload):
            self.ended = True
        return not (self._hide_usage and b'"usage"' in payload and _USAGE_ONLY.search(payload))

    def _hear(self, events: Sequence[Event]) -> None:
        if self.outcome.finish is None and self.outcome.failure is None:
            self.outcome.note([event for event in events if type(event) is not ToolCallStarted])  # read by name

    def _whole_events(self, data: bytes) -> bytes:
        seen = max(0, len(self._held) - 3)  # a boundary may be split over two reads
        self._held += data
        cut = max(self._held.rfind(end, seen) + len(end) for end in (b"\n\n", b"\r\n\r\n", b"\r\r"))
        if cut < 4:  # rfind said -1 for all three
            return b""
        whole = bytes(self._held[:cut])
        del self._held[:cut]
        return whole

    def _too_long(self) -> bytes:
        message = f"The upstream sent an event of more than {MAX_EVENT_BYTES} bytes."
        return self.fail(Failure(kind="bad_gateway", message=message, from_upstream=True))


def _framed(payloads: Sequence[bytes]) -> bytes:
    return b"".join([b"data: " + payload.replace(b"\n", b"\ndata: ") + b"\n\n" for payload in payloads])


def _boundary(events: bytes, start: int, stop: int) -> int:
    """The last end of an event in the first half of these bytes, else the first one."""
    return max(events.rfind(b"\n\n", start, (start + stop) // 2), events.find(b"\n\n", start, stop)) + 2
