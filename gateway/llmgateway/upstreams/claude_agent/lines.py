"""The lines that a session's process writes (the SDK's stream-json output), as far as they matter here.

system, user, ...   progress; passed over
control_response    the answer to a control request
stream_event        a raw event of the Messages API
assistant           a whole block, told again; an API failure, where `is_api_error_message`
result              the end of a turn, or the receipt of a replayed user message
"""

from __future__ import annotations

from typing import Any

from msgspec import MsgspecError, Raw, Struct

from llmgateway.wire import json_codec


class Line(Struct):
    """One line; fields of other kinds of lines stay at their defaults."""

    type: str = ""
    event: Raw = Raw(b"null")
    parent_tool_use_id: Any = None
    response: Any = None
    is_api_error_message: Any = False
    api_error_status: Any = None
    api_error_type: Any = None
    message: Raw = Raw(b"null")
    request_id: Any = None
    is_error: Any = False
    terminal_reason: Any = None
    result: Any = None
    errors: Any = None


class EventDelta(Struct):
    """The parts of a delta that steer a turn."""

    type: Any = None
    text: Any = None
    stop_reason: Any = None


class Event(Struct):
    """The parts of a stream event that steer a turn."""

    type: str = ""
    delta: EventDelta | None = None


_line = json_codec.typed_decoder(Line)
_event = json_codec.typed_decoder(Event)


def read_line(data: bytes) -> Line | None:
    """None for what is no message (the program's own chatter)."""
    try:
        return _line.decode(data)
    except (MsgspecError, UnicodeError):
        return None


def read_event(event: Raw) -> Event:
    """An event that can't be read steers nothing."""
    try:
        return _event.decode(event)
    except (MsgspecError, UnicodeError):
        return Event()
