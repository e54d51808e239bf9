"""A client that stops reading holds up its own model server and nothing else: what waits for it is bounded."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from support.gateway_files import gateway_document, model, write_documents
from support.kubectl import wait_until
from support.running_gateway import Running, gateway_process

WORD = "w" * 8000
EVENTS = 12_000
"""Of 8 KB: 96 MB, several times what the kernel keeps for two connections."""
KERNEL = 40_000_000
"""Bytes; more than the largest buffers of four sockets together."""
MEMORY = 24 * 2**20
"""Bytes that the gateway may grow by: its own buffers are of 64 KiB to a few MiB."""


class Flood:
    """A chat server that sends its answer as fast as it is taken."""

    def __init__(self) -> None:
        self.sent = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def stands_still(self) -> bool:
        """Whether a second passed in which it could send nothing."""
        before = self.sent
        time.sleep(1)
        return before > 0 and self.sent == before

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            asked = connection.recv(65536)
            words = EVENTS if b"flood" in asked else 1
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
            for number in range(words):
                self._say(connection, {"content": f"{number} {WORD}"}, None)
            self._say(connection, {}, "stop")
            connection.sendall(b"data: [DONE]\n\n")

    def _say(self, connection: socket.socket, delta: dict[str, str], reason: str | None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        event = b"data: " + json.dumps({"id": "c", "choices": [choice]}, separators=(",", ":")).encode() + b"\n\n"
        connection.sendall(event)
        self.sent += len(event)


@pytest.fixture
def flood() -> Iterator[Flood]:
    server = Flood()
    yield server
    server.close()


@pytest.fixture
def running(flood: Flood, tmp_path: Path) -> Iterator[Running]:
    backend = {"name": "flood", "type": "OpenAI", "endpoint": {"url": f"http://127.0.0.1:{flood.port}/v1"}}
    file = write_documents(tmp_path / "gateway.yaml", gateway_document([backend], models=[model("m", "flood")]))
    with gateway_process(["-f", str(file)]) as process:
        yield process


def asked(running: Running, path: str) -> socket.socket:
    """A client that has sent its request and reads nothing yet."""
    body = {"model": "m", "stream": True, "max_tokens": 9, "messages": [{"role": "user", "content": "flood"}]}
    data = json.dumps(body).encode()
    url = httpx.URL(running.url)
    client = socket.create_connection((url.host, url.port or 80))
    client.sendall(
        b"POST %s HTTP/1.1\r\nhost: gateway\r\ncontent-type: application/json\r\nconnection: close\r\n"
        b"content-length: %d\r\n\r\n" % (path.encode(), len(data)) + data
    )
    return client


def all_of(client: socket.socket) -> bytes:
    client.settimeout(30)
    parts = []
    while part := client.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize(("path", "last"), [("/v1/chat/completions", b"[DONE]"), ("/v1/messages", b"message_stop")])
def test_a_client_that_does_not_read_stops_the_upstream_and_loses_nothing(
    running: Running, flood: Flood, path: str, last: bytes
) -> None:
    assert running.process is not None
    process = psutil.Process(running.process.pid)
    idle = process.memory_info().rss
    with asked(running, path) as client:
        wait_until(flood.stands_still, 60, "an upstream that can send no more")
        assert flood.sent < KERNEL
        assert process.memory_info().rss - idle < MEMORY
        quick = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        assert "[DONE]" in httpx.post(f"{running.url}/v1/chat/completions", json=quick).text  # nobody else waits
        answer = all_of(client)
    assert answer.count(WORD.encode()) == EVENTS
    assert last in answer[-200:]
