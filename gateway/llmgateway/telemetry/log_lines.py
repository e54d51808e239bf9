"""Log lines as JSON, one object a line, to standard error."""

from __future__ import annotations

import logging
import time

from llmgateway.wire import json_codec


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


def configure_logging(level: str = "INFO") -> None:
    """All loggers to standard error, as JSON lines."""
    # Not in the lines, so not looked up either (logging HOWTO, "Optimization").
    logging.logThreads = logging.logMultiprocessing = logging.logProcesses = False
    handler = logging.StreamHandler()
    handler.setFormatter(JSONLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
