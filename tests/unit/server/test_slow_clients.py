"""A client that reads slowly, or not at all: the gateway holds little of its answer, and the upstream waits."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import urlsplit

import pytest

from support.scripted_upstream import Scripted, ScriptedUpstream, chat_chunks
from unit.server.conftest import Gateway, vllm

PIECE = 50_000
PIECES = 2_000


class Counted(list[bytes]):
    """Pieces of a script that count how many of them were sent."""

    sent = 0

    def __iter__(self):  # type: ignore[no-untyped-def]  # the elements are a list's own
        for piece in super().__iter__():
            self.sent += 1
            yield piece


@pytest.mark.behaviour("T8")
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_a_client_that_does_not_read_stops_the_upstream_and_loses_nothing(
    gateway: Gateway, upstream: ScriptedUpstream, path: str
) -> None:
    *before, finish, usage, done = chat_chunks(*["x" * PIECE] * PIECES).pieces
    script = Counted([*before, finish, usage, done])  # type: ignore[list-item]  # chat_chunks makes bytes alone
    upstream.answers.append(Scripted(script))
    body = json.dumps(
        {"model": "m", "stream": True, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    ).encode()
    async with gateway([vllm(upstream)]) as serving:
        port = urlsplit(serving.url).port
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**16)
        head = f"POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport of sockets has it
        stopped_at = await _standstill(script)
        assert stopped_at < PIECES / 2  # the kernel's buffers of both connections and the gateway's own, not 100 MB
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        received = 0
        while data := await reader.read(2**20):
            received += data.count(b"x")
        writer.close()
    assert received >= PIECE * PIECES


async def _standstill(script: Counted) -> int:
    before = -1
    while before != script.sent or not before:
        before = script.sent
        await asyncio.sleep(0.3)
    return before
