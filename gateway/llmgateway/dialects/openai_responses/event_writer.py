"""Numbered server-sent events of one Responses stream.

Every event is `event: <type>` and one `data:` line whose `sequence_number` counts from 0 without a gap. There is no
`id:` line: after one, the official SDKs fail on a block that holds only a comment.
"""

from __future__ import annotations

from typing import Any

from llmgateway.wire import json_codec

NumberedEvent = tuple[int, bytes]
"""A sequence_number and the whole event's bytes."""


def numbered_event(number: int, event_type: str, fields: dict[str, Any]) -> NumberedEvent:
    """One event of `fields`."""
    data = json_codec.encode({"type": event_type, "sequence_number": number, **fields})
    return number, b"event: %b\ndata: %b\n\n" % (event_type.encode(), data)


class DeltaTemplate:
    """All of a delta event but its number and text: a token then costs one JSON string and one join."""

    def __init__(self, event_type: str, address: dict[str, Any]) -> None:
        name = event_type.encode()
        self.before = b'event: %b\ndata: {"type":"%b","sequence_number":' % (name, name)
        self.between = b"," + json_codec.encode(address)[1:-1] + b',"delta":'


class EventWriter:
    """Collects events until they are taken."""

    def __init__(self) -> None:
        self._number = 0
        self._events: list[NumberedEvent] = []

    def write(self, event_type: str, fields: dict[str, Any]) -> None:
        """One event of `fields`."""
        self._events.append(numbered_event(self._number, event_type, fields))
        self._number += 1

    def write_delta(self, template: DeltaTemplate, text: str, rest: bytes = b"}\n\n") -> None:
        """One delta; `rest` ends its JSON object and the event."""
        number = self._number
        data = b"%b%d%b%b%b" % (template.before, number, template.between, json_codec.encode(text), rest)
        self._events.append((number, data))
        self._number = number + 1

    def take(self) -> list[NumberedEvent]:
        """The events since the last call."""
        events, self._events = self._events, []
        return events
