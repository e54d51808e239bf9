"""Server-sent events as bytes (WHATWG HTML, "9.2.6 Interpreting an event stream").

Lines end with CR, LF or CRLF only: text-mode line splitters also cut at U+2028, U+2029 and U+0085, which are legal
inside a JSON string.
"""

from __future__ import annotations

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MAX_EVENT_BYTES = 64 * 1024 * 1024
NEWLINE, RETURN = b"\n\r"
"""As numbers: `bytes in bytes` first makes an error and throws it away, which `int in bytes` and `find` do not."""


class EventTooLong(ValueError):
    """The peer sent more than MAX_EVENT_BYTES without ending an event."""


class SSEDecoder:
    """Bytes, split anywhere -> the `data` of each complete event. Names, ids and comments are not kept: in the three
    dialects the data says all of it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []  # the open event; joined once, so that a long line costs linear time
        self._size = 0
        self._ends_with_newline = False
        self._ends_with_cr = False
        self._at_start = True

    @property
    def is_between(self) -> bool:
        """True where the next byte begins an event."""
        return not (self._parts or self._at_start or self._ends_with_cr)

    def feed(self, data: bytes) -> list[bytes]:
        """The data of every event that these bytes complete. Raises EventTooLong."""
        if self._at_start:
            data = self._without_mark(data)
        if self._ends_with_cr or RETURN in data:
            data = self._with_newlines(data)
        if not data:
            return []
        joins = self._ends_with_newline and data[0] == NEWLINE  # the blank line is split over two reads
        self._ends_with_newline = data[-1] == NEWLINE
        if not joins and data.find(b"\n\n") < 0:
            self._keep(data)
            return []
        blocks = (b"".join(self._parts) + data).split(b"\n\n") if self._parts else data.split(b"\n\n")
        self._parts, self._size = [], 0
        if blocks[-1]:
            self._keep(blocks[-1])
        return [found for block in blocks[:-1] if (found := data_of(block)) is not None]

    def end(self) -> list[bytes]:
        """The peer closed: the data of an event that lacks only its blank line (some servers leave it out)."""
        rest = b"".join(self._parts)
        self._parts = []
        found = data_of(rest)
        return [] if found is None else [found]

    def _keep(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data)
        if self._size > MAX_EVENT_BYTES:
            raise EventTooLong(f"an event of more than {MAX_EVENT_BYTES} bytes")

    def _with_newlines(self, data: bytes) -> bytes:
        if self._ends_with_cr and data[:1] == b"\n":
            data = data[1:]  # the second half of a CRLF whose CR already counted
        if data:
            self._ends_with_cr = data[-1] == RETURN
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _without_mark(self, data: bytes) -> bytes:
        data = b"".join(self._parts) + data
        self._parts, self._size = [], 0
        if len(data) < 3 and BYTE_ORDER_MARK.startswith(data):
            self._parts = [data]
            return b""
        self._at_start = False
        return data.removeprefix(BYTE_ORDER_MARK)


def data_of(block: bytes) -> bytes | None:
    """The joined `data` lines of one event, or None where it has none."""
    if block.startswith(b"data: ") and NEWLINE not in block:
        return block[6:]
    lines = [_value_of(line) for line in block.split(b"\n") if line == b"data" or line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None


def _value_of(line: bytes) -> bytes:
    value = line[5:]
    return value[1:] if value[:1] == b" " else value
