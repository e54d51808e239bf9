"""The transport against a server that says, byte by byte, what a test wants it to say."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from llmgateway.upstreams.http_transport import HTTPTransport, PoolSettings
from llmgateway.upstreams.port import (
    ConnectFailed,
    NeverAnswered,
    UpstreamBroke,
    UpstreamError,
    UpstreamRequest,
    UpstreamTimedOut,
)
from support.kubernetes_pki import issue, new_authority

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

ASK = UpstreamRequest("/chat/completions", {"content-type": "application/json"}, b'{"model": "m"}')
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Request-ID: r1\r\n\r\nok"
MUCH = UpstreamRequest("/chat/completions", {}, bytes(64 << 20))
"""More than two sockets of the loopback interface hold."""


@contextlib.asynccontextmanager
async def transport_to(
    handler: Handler,
    settings: PoolSettings | None = None,
    served: ssl.SSLContext | None = None,
    trusted: ssl.SSLContext | None = None,
) -> AsyncIterator[HTTPTransport]:
    running: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=served)
    host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    url = f"{'https' if served else 'http'}://{host}/api/v1"
    transport = HTTPTransport(url, settings or PoolSettings(), trusted)
    try:
        yield transport
    finally:
        await transport.close()
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def request_of(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return head + await reader.readexactly(int(lengths[0].split(b":")[1]) if lengths else 0)


def saying(*answers: bytes, seen: list[bytes] | None = None, then_close: bool = False) -> Handler:
    """One answer a request, on one connection."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            request = await request_of(reader)
            if seen is not None:
                seen.append(request)
            writer.write(answer)
        if not then_close:
            await reader.read()

    return handler


async def test_a_request_is_these_bytes() -> None:
    seen: list[bytes] = []
    async with transport_to(saying(OK, OK, OK, seen=seen)) as transport:
        answers = [await transport.send(ASK)]
        assert await answers[0].read_all() == b"ok"
        answers.append(await transport.send(UpstreamRequest("/tokenize", {}, b"{}", from_root=True)))
        assert await answers[1].read_all() == b"ok"
        answers.append(await transport.get(UpstreamRequest("/models", {"authorization": "Bearer k"}, b"")))
        assert await answers[2].read_all() == b"ok"
    host = seen[0].split(b"Host: ")[1].split(b"\r\n")[0]
    assert seen[0] == (
        b"POST /api/v1/chat/completions HTTP/1.1\r\nHost: " + host + b"\r\ncontent-type: application/json\r\n"
        b'Content-Length: 14\r\n\r\n{"model": "m"}'
    )
    assert seen[1] == b"POST /api/tokenize HTTP/1.1\r\nHost: " + host + b"\r\nContent-Length: 2\r\n\r\n{}"
    assert seen[2] == b"GET /api/v1/models HTTP/1.1\r\nHost: " + host + b"\r\nauthorization: Bearer k\r\n\r\n"
    assert [(answer.status, answer.headers["x-request-id"]) for answer in answers] == [(200, "r1")] * 3


@pytest.mark.parametrize("value", ["secret\r\nx-own: 1", "secret\n", "sec\x00ret", "secret\x7f"])
async def test_a_field_with_a_control_character_is_refused_by_name(value: str) -> None:
    async with transport_to(saying(OK)) as transport:
        with pytest.raises(UpstreamError, match="'authorization' holds a control character") as refused:
            await transport.send(UpstreamRequest("/x", {"content-type": "a", "authorization": value}, b""))
        assert "secret" not in str(refused.value)
        with pytest.raises(UpstreamError, match="target holds a control character"):
            await transport.send(UpstreamRequest("/x HTTP/1.1\r\n", {}, b""))


@pytest.mark.parametrize("url", ["http://host:99999/v1", "http:///v1"])
async def test_a_url_that_is_none_fails_requests_and_not_the_start(url: str) -> None:
    transport = HTTPTransport(url, PoolSettings())
    for ask in (transport.send, transport.get):
        with pytest.raises(ConnectFailed, match="URL is not valid"):
            await ask(ASK)
    await transport.close()


async def test_what_comes_before_the_answer_is_not_the_answer() -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    async with transport_to(saying(early + OK, OK)) as transport:
        for _ in range(2):
            answer = await transport.send(ASK)
            assert (answer.status, await answer.read_all()) == (200, b"ok")


@pytest.mark.parametrize("before", [b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Le"])
async def test_silence_is_a_time_out(before: bytes) -> None:
    async with transport_to(saying(before), PoolSettings(read=0.1)) as transport:
        with pytest.raises(UpstreamTimedOut, match=r"timeouts\.read"):
            await transport.send(ASK)


async def test_silence_within_the_body_is_a_time_out() -> None:
    begun = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nbegun"
    async with transport_to(saying(begun), PoolSettings(read=0.1)) as transport:
        answer = await transport.send(ASK)
        assert await answer.read_some() == b"begun"
        with pytest.raises(UpstreamTimedOut):
            await answer.read_some()
        answer.close()


async def test_an_answer_may_take_longer_than_the_longest_silence() -> None:
    async def trickling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n")
        for _ in range(12):
            await asyncio.sleep(0.1)
            writer.write(b".")
        await reader.read()

    async with transport_to(trickling, PoolSettings(read=1)) as transport:
        assert await (await transport.send(ASK)).read_all() == b"." * 12


async def test_a_reader_that_takes_its_time_is_no_silence() -> None:
    async with transport_to(saying(OK[:-1]), PoolSettings(read=0.1)) as transport:
        answer = await transport.send(ASK)
        await asyncio.sleep(0.3)
        assert await answer.read_some() == b"o"
        answer.close()


async def test_an_upstream_that_takes_nothing_of_a_request_is_a_time_out() -> None:
    async def deaf(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(3600)

    async with transport_to(deaf, PoolSettings(write=0.1)) as transport:
        with pytest.raises(UpstreamTimedOut, match=r"timeouts\.write"):
            await transport.send(MUCH)


async def test_an_upstream_that_takes_a_request_slowly_gets_all_of_it() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken = -len(await reader.readuntil(b"\r\n\r\n"))
        while taken < len(MUCH.body) - 200:
            taken += len(await reader.read(1 << 20))
            await asyncio.sleep(0.01)
        writer.write(OK)
        await reader.read()

    async with transport_to(slow, PoolSettings(write=1)) as transport:
        assert await (await transport.send(MUCH)).read_all() == b"ok"


async def test_an_answer_may_come_before_the_request_is_taken() -> None:
    async def refusing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await asyncio.sleep(3600)

    async with transport_to(refusing) as transport:
        for _ in range(2):  # the second one on a connection of its own: the first request would stand before it
            answer = await transport.send(MUCH)
            assert (answer.status, await answer.read_all()) == (413, b"")


async def test_a_kept_connection_that_ended_is_replaced_for_reads_and_told_for_writes() -> None:
    async with transport_to(saying(OK, b"", then_close=True)) as transport:
        assert await (await transport.send(ASK)).read_all() == b"ok"
        with pytest.raises(NeverAnswered):
            await transport.send(ASK)
        assert await (await transport.send(ASK)).read_all() == b"ok"
        assert await (await transport.get(ASK)).read_all() == b"ok"


@pytest.mark.parametrize(
    "bytes_",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 70_000,
    ],
)
async def test_what_is_not_http_is_a_broken_answer(bytes_: bytes) -> None:
    async with transport_to(saying(bytes_)) as transport:
        with pytest.raises(UpstreamBroke, match="not valid HTTP"):
            await transport.send(ASK)


@pytest.mark.parametrize(
    ("body", "rest"),
    [
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", b"zz\r\n"),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", b""),
        (b"Content-Length: 9\r\n\r\nhello", b""),
    ],
)
async def test_a_body_that_breaks_off_gives_what_came_and_then_the_break(body: bytes, rest: bytes) -> None:
    read = asyncio.Event()

    async def breaking(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n" + body)
        await read.wait()
        writer.write(rest)
        await writer.drain()

    async with transport_to(breaking) as transport:
        answer = await transport.send(ASK)
        assert await answer.read_some() == b"hello"
        read.set()
        with pytest.raises(UpstreamBroke):
            await answer.read_some()
        answer.close()


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_a_body_may_last_until_the_connection_ends(version: bytes) -> None:
    async with transport_to(saying(b"HTTP/" + version + b" 200 OK\r\n\r\nall of it", then_close=True)) as transport:
        for _ in range(2):
            assert await (await transport.send(ASK)).read_all() == b"all of it"


async def test_answers_without_a_body_give_the_connection_back() -> None:
    empty = b"HTTP/1.1 204 No Content\r\n\r\n"
    async with transport_to(saying(empty, empty, OK), PoolSettings(max_connections=1, pool=0.1)) as transport:
        for _ in range(2):
            answer = await transport.send(ASK)
            assert (answer.status, await answer.read_all()) == (204, b"")
        assert await (await transport.send(ASK)).read_all() == b"ok"


async def test_who_waits_for_a_connection_is_told_after_the_limit() -> None:
    async with transport_to(saying(OK[:-1]), PoolSettings(max_connections=1, connect=0.5, pool=0.5)) as transport:
        answer = await transport.send(ASK)
        with pytest.raises(ConnectFailed, match=r"timeouts\.connect"):
            await transport.send(ASK)
        answer.close()


async def test_closing_an_answer_ends_it_on_both_sides() -> None:
    left = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nbegun")
        await reader.read()
        left.set()

    async with transport_to(endless) as transport:
        answer = await transport.send(ASK)
        assert await answer.read_some() == b"begun"
        waiting = asyncio.create_task(answer.read_some())
        await asyncio.sleep(0)
        answer.close()
        answer.close()
        with pytest.raises(UpstreamBroke):
            await waiting
        await asyncio.wait_for(left.wait(), 10)


async def test_a_request_given_up_before_its_answer_ends_at_the_upstream() -> None:
    came, left = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await request_of(reader)
        came.set()
        await reader.read()
        left.set()

    async with transport_to(silent) as transport:
        asking = asyncio.create_task(transport.send(ASK))
        await asyncio.wait_for(came.wait(), 10)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(left.wait(), 10)


async def test_tls_is_checked_against_the_authorities_given_and_its_connection_kept(tmp_path: Path) -> None:
    authority = new_authority("authority")

    def serving(name: str) -> ssl.SSLContext:
        issue(authority, name, host_names=[name]).write(tmp_path, name)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tmp_path / f"{name}.crt", tmp_path / f"{name}.key")
        return context

    trusting = ssl.create_default_context(cadata=authority.certificate.decode())
    pool = PoolSettings(max_connections=1, pool=1)
    async with transport_to(saying(OK, OK), pool, serving("127.0.0.1"), trusting) as transport:
        for _ in range(2):
            assert await (await transport.send(ASK)).read_all() == b"ok"
    for host, trusted in (("127.0.0.1", None), ("elsewhere", trusting)):
        async with transport_to(saying(OK), pool, serving(host), trusted) as transport:
            with pytest.raises(ConnectFailed, match="certificate"):
                await transport.send(ASK)
