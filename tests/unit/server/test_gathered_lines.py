"""Log lines of the event loop and of other threads at once: each is written, once and whole."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import threading
from collections.abc import Callable

from llmgateway.telemetry.log_lines import FLUSH_AFTER, GatheredLines, JSONLines, RequestLine


def gathering() -> tuple[GatheredLines, io.StringIO]:
    handler, stream = GatheredLines(), io.StringIO()
    handler.setFormatter(JSONLines())
    handler.stream = stream
    return handler, stream


def request_line(identifier: str) -> RequestLine:
    return RequestLine(
        time="", request_id=identifier, client="", dialect="", model="", backend="", status=200, stream=False,
        seconds=0.0, stages="", input_tokens=0, output_tokens=0, finish=None,
    )  # fmt: skip


def in_a_thread(work: Callable[[], object]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def message(handler: GatheredLines, text: str, level: int = logging.INFO) -> Callable[[], object]:
    return lambda: handler.handle(logging.makeLogRecord({"msg": text, "levelno": level, "levelname": "X"}))


def written(stream: io.StringIO) -> list[str]:
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line.get("request_id") or line["message"] for line in lines]


class Interrupted(list[str]):
    """After its first line another thread adds one, before the first one's writer goes on."""

    def __init__(self, interruption: Callable[[], object]) -> None:
        super().__init__()
        self._interruption: Callable[[], object] | None = interruption

    def append(self, line: str) -> None:
        super().append(line)
        interruption, self._interruption = self._interruption, None
        if interruption is not None:
            in_a_thread(interruption)


async def test_a_line_of_another_thread_in_between_keeps_none_waiting() -> None:
    handler, stream = gathering()
    handler._lines = Interrupted(message(handler, "theirs"))
    handler.request(request_line("ours"))
    await asyncio.sleep(2 * FLUSH_AFTER)
    assert sorted(written(stream)) == ["ours", "theirs"]


async def test_a_warning_is_written_at_once_with_what_waits_before_it() -> None:
    handler, stream = gathering()
    handler.request(request_line("first"))
    assert written(stream) == []
    in_a_thread(message(handler, "then", logging.WARNING))
    assert written(stream) == ["first", "then"]
    handler.request(request_line("last"))
    await asyncio.sleep(2 * FLUSH_AFTER)
    assert written(stream) == ["first", "then", "last"]
