"""Log lines as JSON, one object a line, to standard error."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TextIO

from llmgateway.wire import json_codec

FLUSH_AFTER = 0.1


class JSONLines(logging.Formatter):
    """`fields` given as extra become members of the object."""

    def __init__(self) -> None:
        super().__init__()
        self._second = 0
        self._moment = ""

    def format(self, record: logging.LogRecord) -> str:
        """One record as one line."""
        if int(record.created) != self._second:  # many lines share a second
            self._second = int(record.created)
            self._moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self._second))
        line: dict[str, object] = {
            "time": f"{self._moment}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json_codec.encode(line).decode()


class RequestLine(logging.LogRecord):
    """The record of one request. A plain one looks for its caller's file, thread and process, which are not in the
    lines."""

    def __init__(self, name: str, fields: dict[str, object]) -> None:
        self.name, self.levelno, self.levelname = name, logging.INFO, "INFO"
        self.msg, self.args, self.fields = "request", None, fields
        self.created = time.time()
        self.msecs = self.created % 1 * 1000
        self.exc_info = self.exc_text = self.stack_info = None


class GatheredLines(logging.StreamHandler[TextIO]):
    """Lines of requests are written together, FLUSH_AFTER seconds later at most: a system call for each would cost as
    much as all their metrics. Warnings and errors are written at once, with what waits before them."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """One more line."""
        self._lines.append(self.format(record) + "\n")
        if record.levelno > logging.INFO:
            self.flush()
        elif len(self._lines) == 1:
            try:
                asyncio.get_running_loop().call_later(FLUSH_AFTER, self.flush)
            except RuntimeError:  # before the loop runs, after it, and in other threads
                self.flush()

    def flush(self) -> None:
        """Writes what waits; called at exit as well."""
        lines, self._lines = self._lines, []
        if lines:
            self.stream.write("".join(lines))
            self.stream.flush()


def configure_logging(level: str = "INFO") -> None:
    """All loggers to standard error, as JSON lines."""
    # Not in the lines, so not looked up either (logging HOWTO, "Optimization").
    logging.logThreads = logging.logMultiprocessing = logging.logProcesses = False
    handler = GatheredLines()
    handler.setFormatter(JSONLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
