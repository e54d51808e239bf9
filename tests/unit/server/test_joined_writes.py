"""Heads leave with their first bytes, and nothing else changes: seen at the transport, below a real server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvicorn

from llmgateway.server import joined_writes
from support.free_port import free_port

HEAD_START = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What reached the transport, write by write."""
    seen: list[bytes] = []
    real = joined_writes._HeldHead.__init__

    def listening(self: Any, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        real(self, transport, loop)
        write = self._write
        self._write = lambda data: (seen.append(bytes(data)), write(data))

    monkeypatch.setattr(joined_writes._HeldHead, "__init__", listening)
    return seen


async def exchange(app: Any, method: str = "GET", *, requests: int = 1) -> bytes:
    """All that a client of this application receives until the server closes or is quiet."""
    config = uvicorn.Config(
        app, port=free_port(), http=joined_writes.JoinedWrites, ws="none", lifespan="off", log_config=None
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection("127.0.0.1", config.port)
    try:
        received = b""
        for number in range(requests):
            last = b"connection: close\r\n" if number == requests - 1 else b""
            writer.write(method.encode() + b" / HTTP/1.1\r\nhost: x\r\n" + last + b"\r\n")
            if not last:
                received += await reader.readuntil(b"END")
        return received + await reader.read()
    finally:
        writer.close()
        server.should_exit = True
        await serving


def answering(*pieces: bytes, pause: float = 0.0, length: bool = False) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"%d" % sum(map(len, pieces)))] if length else []
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await asyncio.sleep(pause) if pause else None
        for piece in pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    return app


async def test_a_whole_answer_is_one_write(writes: list[bytes]) -> None:
    received = await exchange(answering(b"whole END", length=True), requests=3)
    assert received.count(HEAD_START) == received.count(b"whole END") == 3
    whole = [write for write in writes if write]
    assert [write.startswith(HEAD_START) and write.endswith(b"whole END") for write in whole] == [True] * 3


async def test_a_stream_s_first_piece_comes_with_the_head_and_the_others_at_once(writes: list[bytes]) -> None:
    await exchange(answering(b"one", b"two"))
    assert [write.startswith(HEAD_START) for write in writes] == [True, False, False]
    assert [piece in write for piece, write in zip((b"one", b"two", b"0\r\n"), writes, strict=True)] == [True] * 3


async def test_a_head_whose_body_comes_later_does_not_wait_for_it(writes: list[bytes]) -> None:
    received = await exchange(answering(b"late", pause=0.05))
    assert [write.startswith(HEAD_START) for write in writes] == [True, False, False]
    assert b"late" not in writes[0]
    assert received == b"".join(writes)


async def test_an_answer_without_a_body_is_sent(writes: list[bytes]) -> None:
    received = await exchange(answering(b"not sent", length=True), "HEAD")
    assert received.startswith(HEAD_START)
    assert received.endswith(b"\r\n\r\n")


async def test_a_body_that_looks_like_a_head_arrives_as_it_is(writes: list[bytes]) -> None:
    pieces = (b"first ", b"HTTP/1.1 no head", b" HTTP/1.1 ", b"HTTP/1.1 END")
    received = await exchange(answering(*pieces, length=True))
    assert received.partition(b"\r\n\r\n")[2] == b"".join(pieces)
    assert received == b"".join(writes)


async def test_an_application_that_fails_after_its_head_loses_nothing_of_it(writes: list[bytes]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("on purpose")

    received = await exchange(app)
    assert received.startswith(HEAD_START)
