"""An upstream that answers exactly the bytes a test scripts, split, delayed or cut where the test wants it.

    async with ScriptedUpstream() as upstream:
        upstream.answers.append(Scripted([b"data: ...", 0.2, b"..."]))   # bytes are one write, numbers are pauses
        ...
        upstream.requests[0].json["model"]

It speaks HTTP/1.1 by hand, so that nothing between the script and the socket rearranges bytes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

CUT = "cut"
"""In a script: the connection is aborted (RST) right here."""
HANG = "hang"
"""In a script: nothing more comes until the other side leaves."""


@dataclass
class Received:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Scripted:
    """One answer. `pieces`: bytes are written as they are, numbers are seconds to wait, CUT and HANG as above."""

    pieces: Sequence[bytes | float | str] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "text/event-stream"})
    before_headers: float = 0.0


def whole(document: Any, status: int = 200, **headers: str) -> Scripted:
    """A JSON answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Scripted([json.dumps(document).encode()], status, {"content-type": "application/json", **named})


NOT_FOUND = whole({"error": {"message": "not found"}}, 404)
TOKENIZER_ROUTES = ("/tokenize", "/apply-template")


def sse(*documents: Any, done: bool = True) -> Scripted:
    """A chat stream: one event per document, then [DONE]."""
    pieces = [f"data: {json.dumps(document)}\n\n".encode() for document in documents]
    return Scripted(pieces + [b"data: [DONE]\n\n"] * done)


def chat_chunks(*texts: str, finish: str = "stop", usage: tuple[int, int] = (7, 5)) -> Scripted:
    """A well-formed chat stream that says `texts`."""
    base = {"id": "chatcmpl-up", "object": "chat.completion.chunk", "created": 1, "model": "up"}

    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    counts = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    deltas = [chunk({"role": "assistant", "content": ""}), *(chunk({"content": text}) for text in texts)]
    return sse(*deltas, chunk({}, finish), {**base, "choices": [], "usage": counts})


class ScriptedUpstream:
    """A server on a free port of the loopback interface; GETs answer 404 unless `models` is set."""

    def __init__(self) -> None:
        self.answers: list[Scripted] = []
        self.requests: list[Received] = []
        self.models: list[str] | None = None
        self.tokenizer_answers: list[Scripted] = []
        self.tokenizer_requests: list[Received] = []
        """POSTs to a tokenizer's routes; they answer 404 unless there is an answer for them."""
        self.port = 0
        self.connections = 0
        self.close_kept = False
        """Connections are closed without a word when a second request comes on them, as after an idle time-out."""
        self._running: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        self.connections += 1
        answered = False
        try:
            while (received := await _read(reader)) is not None:
                if answered and self.close_kept:
                    return
                await self._answer(received, reader, writer)
                answered = True
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._running.discard(task)
            writer.close()

    async def _answer(self, received: Received, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if received.method == "GET":
            await _play(self._listing(), writer)
            return
        if received.path in TOKENIZER_ROUTES:
            self.tokenizer_requests.append(received)
            script = self.tokenizer_answers.pop(0) if self.tokenizer_answers else NOT_FOUND
        else:
            self.requests.append(received)
            script = self.answers.pop(0) if self.answers else whole({"error": {"message": "no script"}}, 500)
        playing = asyncio.ensure_future(_play(script, writer))
        leaving = asyncio.ensure_future(reader.read(1))  # nothing is pipelined: a byte or EOF both mean "gone"
        await asyncio.wait({playing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done():
            playing.cancel()
            received.closed.set()
            raise ConnectionError("the client left")
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        await playing

    def _listing(self) -> Scripted:
        if self.models is None:
            return NOT_FOUND
        return whole({"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]})


async def _read(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    method, path, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method, path, headers, body)


async def _play(script: Scripted, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(script.before_headers)
    lines = [f"HTTP/1.1 {script.status} Scripted", "transfer-encoding: chunked"]
    lines += [f"{name}: {value}" for name, value in script.headers.items()]
    writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n")
    await writer.drain()
    for piece in script.pieces:
        if piece == CUT:
            writer.transport.abort()
            raise ConnectionError("cut by the script")
        if piece == HANG:
            await asyncio.sleep(3600)
        elif isinstance(piece, bytes):
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            await writer.drain()
        else:
            await asyncio.sleep(float(piece))
    writer.write(b"0\r\n\r\n")
    await writer.drain()
