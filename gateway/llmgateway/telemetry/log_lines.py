"""Log lines as JSON, one object a line, to standard error."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TextIO

from msgspec import UNSET, Struct, UnsetType

from llmgateway.wire import json_codec

FLUSH_AFTER = 0.1
REQUESTS = "llmgateway.access"
"""The logger that lines of requests name."""


class JSONLines(logging.Formatter):
    """`fields` given as extra become members of the object."""

    def __init__(self) -> None:
        super().__init__()
        self._moments = Moments()

    def format(self, record: logging.LogRecord) -> str:
        """One record as one line."""
        line: dict[str, object] = {
            "time": self._moments.text(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json_codec.encode(line).decode()


class FailureInLine(Struct, frozen=True):
    """What went wrong with a request."""

    kind: str
    message: str
    upstream: bool


class RequestLine(Struct, kw_only=True):
    """The line of one request: facts, never texts of requests or answers."""

    time: str
    level: str = "INFO"
    logger: str = REQUESTS
    message: str = "request"
    request_id: str
    client: str
    dialect: str
    model: str
    backend: str
    status: int
    stream: bool
    seconds: float
    stages: str
    input_tokens: int
    output_tokens: int
    finish: str | None
    failure: FailureInLine | UnsetType = UNSET
    dropped: list[str] | UnsetType = UNSET


class Moments:
    """Times as the lines have them; many share a second."""

    def __init__(self) -> None:
        self._second = 0
        self._text = ""

    def text(self, at: float) -> str:
        """Unix seconds as ISO 8601, with milliseconds."""
        second = int(at)
        if second != self._second:
            self._second = second
            self._text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._text}.{int((at - second) * 1000):03d}Z"


class GatheredLines(logging.StreamHandler[TextIO]):
    """Lines of requests are written together, FLUSH_AFTER seconds later at most: a system call for each would cost as
    much as all their metrics. Warnings and errors are written at once, with what waits before them."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []
        self._due = False

    def emit(self, record: logging.LogRecord) -> None:
        """One more line."""
        self._add(self.format(record))
        if record.levelno > logging.INFO:
            self.flush()

    def request(self, line: RequestLine) -> None:
        """The line of a request, past logging's own ways, which cost more than the line."""
        self._add(json_codec.encode(line).decode())

    def _add(self, line: str) -> None:
        self._lines.append(line)
        if not self._due:
            self._due = True
            try:
                asyncio.get_running_loop().call_later(FLUSH_AFTER, self.flush)
            except RuntimeError:  # before the loop runs, after it, and in other threads
                self.flush()

    def flush(self) -> None:
        """Writes what waits; called at exit as well. Lines that other threads add meanwhile come with the next."""
        self.acquire()
        try:
            self._due = False
            lines = self._lines[:]
            del self._lines[: len(lines)]
            if lines:
                self.stream.write("\n".join(lines) + "\n")
                self.stream.flush()
        finally:
            self.release()


def request_lines() -> GatheredLines | None:
    """Where lines of requests go; None where nobody wants them, or logging is not ours."""
    wanted = logging.getLogger(REQUESTS).isEnabledFor(logging.INFO)
    return next((each for each in logging.getLogger().handlers if wanted and isinstance(each, GatheredLines)), None)


def configure_logging(level: str = "INFO") -> None:
    """All loggers to standard error, as JSON lines."""
    # Not in the lines, so not looked up either (logging HOWTO, "Optimization").
    logging.logThreads = logging.logMultiprocessing = logging.logProcesses = False
    handler = GatheredLines()
    handler.setFormatter(JSONLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
