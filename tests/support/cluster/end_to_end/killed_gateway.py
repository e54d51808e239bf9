"""Runs in a pod: what the official SDKs see when the gateway that they read from is killed.

python3 killed_gateway.py VICTIM OTHER KEY: streams from VICTIM in three dialects; the file READY appears when all of
them flow. A Responses stream that broke is resumed from OTHER, another pod of the same gateway. Printed as JSON:
{"chat": error's name, "messages": ..., "responses": ..., "before": [numbers], "after": [[number, type], ...]}.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import anthropic
import openai

READY = Path("/tmp/ready")
MODEL = "scripted-slow"
WORDS = " ".join(str(number % 10) for number in range(900))
ASKED: Any = [{"role": "user", "content": WORDS}]
ENOUGH = 20
"""Events that a stream has given before it counts as flowing."""


class Reader:
    """Reads one stream in a thread; `error` is the name of what ended it, empty for a good end."""

    def __init__(self, opened: Callable[[], Iterable[Any]]) -> None:
        self.events: list[Any] = []
        self.flows = threading.Event()
        self.error = ""
        self._opened = opened
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def wait(self) -> str:
        self._thread.join()
        return self.error

    def _read(self) -> None:
        try:
            for event in self._opened():
                self.events.append(event)
                if len(self.events) == ENOUGH:
                    self.flows.set()
        except Exception as error:
            self.error = type(error).__name__


def main(victim: str, other: str, key: str) -> dict[str, Any]:
    chat, messages = _openai(victim, key), anthropic.Anthropic(base_url=victim, api_key=key, max_retries=0)
    readers = {
        "chat": Reader(lambda: chat.chat.completions.create(model=MODEL, messages=ASKED, stream=True)),
        "messages": Reader(lambda: messages.messages.create(model=MODEL, max_tokens=9, messages=ASKED, stream=True)),
        "responses": Reader(lambda: chat.responses.create(model=MODEL, input=WORDS, background=True, stream=True)),
    }
    for reader in readers.values():
        reader.flows.wait()
    READY.touch()
    errors = {dialect: reader.wait() for dialect, reader in readers.items()}
    before = readers["responses"].events
    return {**errors, "before": [event.sequence_number for event in before], "after": _resumed(other, key, before)}


def _resumed(url: str, key: str, before: list[Any]) -> list[tuple[int, str]]:
    last = before[-1].sequence_number
    client = _openai(url, key)
    rest = client.responses.retrieve(before[0].response.id, stream=True, starting_after=last)
    return [(event.sequence_number, event.type) for event in rest]


def _openai(url: str, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
