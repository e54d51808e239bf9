"""The upstream client on the wire: framing, limits, and what a broken or hostile server can do to it (RFC 9112)."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from llmgateway.upstreams.http_connection import MAX_HEAD_BYTES, UNREAD_BYTES
from llmgateway.upstreams.http_transport import HTTPTransport, PoolSettings
from llmgateway.upstreams.port import ConnectFailed, NeverAnswered, UpstreamBroke, UpstreamRequest, UpstreamTimedOut
from support.kubernetes_pki import issue, new_authority

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
REQUEST = UpstreamRequest("/chat/completions", {"content-type": "application/json"}, b"{}")
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@contextlib.asynccontextmanager
async def client_of(
    handler: Handler, tls: tuple[ssl.SSLContext, ssl.SSLContext] | None = None, **limits: Any
) -> AsyncIterator[HTTPTransport]:
    """The client in front of a server that answers by hand. `tls`: the server's and the client's context."""
    running: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(handler(reader, writer))
        running.add(task)
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await task
        writer.transport.abort()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls[0] if tls else None)
    port = server.sockets[0].getsockname()[1]
    base = f"https://localhost:{port}/v1" if tls else f"http://127.0.0.1:{port}/v1"
    transport = HTTPTransport(base, PoolSettings(**limits), tls[1] if tls else None)
    try:
        yield transport
    finally:
        await transport.close()
        server.close()
        for task in running:
            task.cancel()
        await asyncio.sleep(0.02)  # the handlers' tasks, which the server made itself, end


def saying(*answers: bytes, close: bool = False) -> Handler:
    """One answer for each request of a connection."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            for answer in answers:
                await reader.readuntil(b"\r\n\r\n{}")
                writer.write(answer)
                await writer.drain()
            if close:
                writer.write_eof()
            else:
                await reader.read()

    return handler


async def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    async with client_of(saying(b"HTTP/1.1 200 OK\r\n\r\nhello", close=True)) as client:
        assert await (await client.send(REQUEST)).read_all() == b"hello"


async def test_interim_answers_are_skipped() -> None:
    async with client_of(saying(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + WHOLE)) as client:
        answer = await client.send(REQUEST)
        assert (answer.status, dict(answer.headers)) == (200, {"content-length": "2"})
        assert await answer.read_all() == b"ok"


async def test_trailers_say_nothing_and_the_connection_is_used_again() -> None:
    chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-late: 1\r\n\r\n"
    async with client_of(saying(chunked, WHOLE)) as client:
        first = await client.send(REQUEST)
        assert await first.read_all() == b"abc"
        assert "x-late" not in first.headers
        assert await (await client.send(REQUEST)).read_all() == b"ok"


async def test_what_arrived_can_be_read_after_the_connection_serves_another_exchange() -> None:
    async with client_of(saying(WHOLE, WHOLE.replace(b"ok", b"no"))) as client:
        first = await client.send(REQUEST)
        second = await client.send(REQUEST)
        assert (await first.read_all(), await second.read_all()) == (b"ok", b"no")


async def test_a_cut_body_is_read_up_to_the_cut_and_then_fails() -> None:
    async with client_of(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhal", close=True)) as client:
        answer = await client.send(REQUEST)
        assert await answer.read_some() == b"hal"
        with pytest.raises(UpstreamBroke, match="closed the connection early"):
            await answer.read_some()


async def test_a_connection_closed_without_a_word_is_told_apart_from_a_broken_answer() -> None:
    async with client_of(saying(b"", close=True)) as client:
        with pytest.raises(NeverAnswered):
            await client.send(REQUEST)
    async with client_of(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n", close=True)) as client:
        with pytest.raises(UpstreamBroke) as broken:
            await client.send(REQUEST)
        assert not isinstance(broken.value, NeverAnswered)


@pytest.mark.parametrize(
    "noise",
    [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"y" * MAX_HEAD_BYTES + b"\r\n\r\n",
     b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"],
    ids=["another protocol", "a head too long", "an upgrade that nobody asked for"],
)  # fmt: skip
async def test_what_is_no_answer_is_refused(noise: bytes) -> None:
    async with client_of(saying(noise)) as client:
        with pytest.raises(UpstreamBroke, match="no HTTP answer"):
            await client.send(REQUEST)


async def test_bytes_that_nobody_asked_for_cost_the_connection_only() -> None:
    async with client_of(saying(WHOLE + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil", WHOLE)) as client:
        assert await (await client.send(REQUEST)).read_all() == b"ok"
        assert await (await client.send(REQUEST)).read_all() == b"ok"


async def test_silence_is_a_time_out_before_and_within_an_answer() -> None:
    async with client_of(saying(b"", b""), read=0.2) as client:
        with pytest.raises(UpstreamTimedOut, match="read limit"):
            await client.send(REQUEST)
    async with client_of(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"), read=0.2) as client:
        answer = await client.send(REQUEST)
        with pytest.raises(UpstreamTimedOut, match="read limit"):
            await answer.read_some()


async def test_a_request_that_nobody_takes_is_a_time_out() -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport of sockets has it
        await asyncio.sleep(30)

    async with client_of(deaf, write=0.2) as client:
        with pytest.raises(UpstreamTimedOut, match="write limit"):
            await client.send(UpstreamRequest("/x", {}, b"x" * 50_000_000))


async def test_requests_wait_for_a_place_in_a_full_pool_and_then_say_so() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"
    async with client_of(saying(head, WHOLE), max_connections=1, pool=0.2) as client:
        running = await client.send(REQUEST)
        with pytest.raises(ConnectFailed, match="pool limit"):
            await client.send(REQUEST)
        waiting = asyncio.create_task(client.send(REQUEST))
        await asyncio.sleep(0.05)
        running.close()
        assert (await waiting).status == 200


async def test_an_idle_connection_is_closed_after_its_time() -> None:
    closed = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await saying(WHOLE)(reader, writer)
        closed.set()

    async with client_of(handler, keep_alive=0.2) as client:
        await (await client.send(REQUEST)).read_all()
        await asyncio.wait_for(closed.wait(), 5)


async def test_closing_an_answer_tells_the_upstream_to_stop() -> None:
    stopped = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n")
        with contextlib.suppress(ConnectionError):
            await reader.read()
        stopped.set()

    async with client_of(endless) as client:
        answer = await client.send(REQUEST)
        assert await answer.read_some() == b"x"
        answer.close()
        await asyncio.wait_for(stopped.wait(), 5)


async def test_what_nobody_reads_makes_the_upstream_wait() -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n")
        for _ in range(1000):
            writer.write(b"x" * 100_000)
            await writer.drain()
            sent += 100_000

    async with client_of(flood) as client:
        answer = await client.send(REQUEST)
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.2)
        assert sent < 50_000_000  # the kernel's buffers of both sides, and UNREAD_BYTES
        first = await answer.read_some()
        assert UNREAD_BYTES < len(first) < 4 * UNREAD_BYTES
        assert len(first) + len(await answer.read_all()) == 100_000_000


@pytest.mark.parametrize("value", ["one\r\nx-evil: 1", "two\nlines", "\r", "не латиница"])
async def test_a_credential_that_no_header_can_hold_is_not_sent(value: str) -> None:
    async with client_of(saying(WHOLE)) as client:
        with pytest.raises(ConnectFailed, match="credential or header holds"):
            await client.send(UpstreamRequest("/x", {"authorization": value}, b"{}"))


async def test_an_endpoint_that_is_no_url_fails_as_a_backend_that_can_not_be_reached() -> None:
    with pytest.raises(ConnectFailed, match="not valid"):
        await HTTPTransport("not a url", PoolSettings()).send(REQUEST)


async def test_tls_is_verified_by_name_and_authority(tmp_path: Path) -> None:
    authority = new_authority("a company's own")
    issue(authority, "model-server", host_names=["localhost"]).write(tmp_path, "server")
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
    trusting = ssl.create_default_context(cadata=authority.certificate.decode())
    async with client_of(saying(WHOLE), (serving, trusting)) as client:
        assert await (await client.send(REQUEST)).read_all() == b"ok"
    async with client_of(saying(WHOLE), (serving, ssl.create_default_context())) as client:
        with pytest.raises(ConnectFailed):
            await client.send(REQUEST)
