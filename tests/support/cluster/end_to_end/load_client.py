"""Runs in a pod, with aiohttp alone: clients that stream without a pause and check every answer to its last token.

The file READY appears once all of them are reading at the same time. When the file STOP appears each ends the stream
it is in, and what became of every stream is printed as JSON. No request is repeated: a client's library would hide
what this is meant to count.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp

READY = Path("/tmp/ready")
STOP = Path("/tmp/stop")
SILENCE = 60.0
"""Seconds without a byte after which a stream counts as cut: keep-alives come four times as often."""

Event = dict[str, Any]


class Dialect:
    """How one API asks, and what its events say: `text` of a token, `ends` well, `fails` in a legal way."""

    def __init__(
        self, path: str, ask: Callable[[str, str], Event], text: Callable[[Event], str],
        ends: Callable[[Event], bool], fails: Callable[[Event], bool],
    ) -> None:  # fmt: skip
        self.path, self.ask, self.text, self.ends, self.fails = path, ask, text, ends, fails


def _chat_text(event: Event) -> str:
    choices = event.get("choices") or [{}]
    return choices[0].get("delta", {}).get("content") or ""


DIALECTS = [
    Dialect(
        "/v1/chat/completions",
        lambda text, name: {"messages": [{"role": "user", "content": text}], "conversation_id": name},
        _chat_text,
        lambda event: event == {"done": True},
        lambda event: "error" in event,
    ),
    Dialect(
        "/v1/messages",
        lambda text, _: {"messages": [{"role": "user", "content": text}], "max_tokens": 4096},
        lambda event: event.get("delta", {}).get("text", ""),
        lambda event: event["type"] == "message_stop",
        lambda event: event["type"] == "error",
    ),
    Dialect(
        "/v1/responses",
        lambda text, _: {"input": text},
        lambda event: event["delta"] if event["type"] == "response.output_text.delta" else "",
        lambda event: event["type"] == "response.completed",
        lambda event: event["type"] in ("response.failed", "response.incomplete", "error"),
    ),
]


class Client:
    """One user: its own conversation, one stream after the other, over connections that it keeps."""

    def __init__(self, number: int, chosen: argparse.Namespace) -> None:
        self._dialect = DIALECTS[number % len(DIALECTS)]
        self._name, self._chosen = f"{socket.gethostname()}-{number}", chosen
        self.reading = asyncio.Event()
        self.streams: list[Event] = []

    async def run(self, session: aiohttp.ClientSession) -> None:
        while not STOP.exists():
            words = " ".join(str(each % 10) for each in range(random.randint(*self._chosen.tokens)))
            began = time.time()
            outcome, reason = await self._stream(session, words)
            stream = {"client": self._name, "path": self._dialect.path, "began": began, "ended": time.time()}
            self.streams.append({**stream, "outcome": outcome, "reason": reason})
            if outcome == "refused":
                await asyncio.sleep(0.2)

    async def _stream(self, session: aiohttp.ClientSession, words: str) -> tuple[str, str]:
        """whole | failed (a legal error in the stream) | cut | refused, and why."""
        body = {**self._dialect.ask(words, self._name), "model": self._chosen.model, "stream": True}
        try:
            answer = await session.post(self._chosen.url + self._dialect.path, json=body)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return "refused", repr(error)
        async with answer:
            if answer.status != 200:
                return "refused", f"{answer.status} {(await answer.text())[:300]}"
            try:
                return await self._read(answer, f"You said: {words}")
            except (aiohttp.ClientError, OSError, TimeoutError) as error:
                return "cut", repr(error)

    async def _read(self, answer: aiohttp.ClientResponse, expected: str) -> tuple[str, str]:
        said, ended = "", False
        async for event in _events(answer.content):
            self.reading.set()
            if self._dialect.fails(event):
                return "failed", json.dumps(event)[:500]
            said += self._dialect.text(event)
            ended = ended or self._dialect.ends(event)
        if not ended:
            return "cut", f"no last event after {len(said)} of {len(expected)} characters"
        return ("whole", "") if said == expected else ("cut", f"{len(said)} of {len(expected)} characters")


async def _events(content: aiohttp.StreamReader) -> AsyncIterator[Event]:
    async for line in content:
        if line.startswith(b"data: "):
            data = line[6:].strip()
            yield {"done": True} if data == b"[DONE]" else json.loads(data)


async def main(chosen: argparse.Namespace) -> None:
    clients = [Client(number, chosen) for number in range(chosen.streams)]
    patience = aiohttp.ClientTimeout(total=None, connect=30, sock_read=SILENCE)
    headers = {"authorization": f"Bearer {chosen.key}", "anthropic-version": "2023-06-01"}
    connections = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=headers, timeout=patience, connector=connections) as session:
        running = [asyncio.create_task(each.run(session)) for each in clients]
        await asyncio.gather(*(each.reading.wait() for each in clients))
        READY.touch()
        await asyncio.gather(*running)
    print(json.dumps([stream for each in clients for stream in each.streams]))


def _chosen() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--key", default="none")
    parser.add_argument("--model", default="scripted-slow")
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--tokens", type=int, nargs=2, default=(100, 500), help="of an answer: from, to")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(_chosen()))
