"""A client's request body: bounded while it arrives, bounded again while it is decompressed (RFC 9110, section 8.4)."""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import zstandard

from llmgateway.failures import Failure, TurnRefused

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

GZIP_WINDOW = 16 + zlib.MAX_WBITS


class ClientLeft(Exception):
    """The client closed the connection before its request was complete."""


async def read_body(receive: Receive, headers: dict[bytes, bytes], limit: int) -> bytes:
    """The decoded body of at most `limit` bytes. Raises TurnRefused (too_large, invalid_request) and ClientLeft."""
    announced = headers.get(b"content-length", b"0")
    if announced.isdigit() and int(announced) > limit:
        raise _too_large(limit)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body = _within(message.get("body", b""), limit)
    else:
        body = await _receive_rest(message, receive, limit)
    encoding = headers.get(b"content-encoding", b"").strip().lower()
    return body if encoding in (b"", b"identity") else _decompress(body, encoding, limit)


async def _receive_rest(message: Message, receive: Receive, limit: int) -> bytes:
    parts, size = [], 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientLeft
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()


def _decompress(body: bytes, encoding: bytes, limit: int) -> bytes:
    try:
        if encoding in (b"gzip", b"x-gzip"):
            return _within(_gunzip(body, limit), limit)
        if encoding == b"zstd":
            with zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True) as reader:
                return _within(reader.read(limit + 1), limit)
    except (zlib.error, zstandard.ZstdError):
        message = f"The request body is not valid {encoding.decode('latin-1')}."
        raise TurnRefused(Failure(kind="invalid_request", message=message)) from None
    name = encoding.decode("latin-1")[:40]
    message = f"Content-Encoding {name!r} is not supported: send the body plain, or as gzip or zstd."
    raise TurnRefused(Failure(kind="invalid_request", message=message))


def _gunzip(body: bytes, limit: int) -> bytes:
    decompressor = zlib.decompressobj(GZIP_WINDOW)
    decoded = decompressor.decompress(body, limit + 1)
    if len(decoded) <= limit and not decompressor.eof:
        raise zlib.error("the stream is cut off")
    return decoded


def _within(body: bytes, limit: int) -> bytes:
    if len(body) > limit:
        raise _too_large(limit)
    return body


def _too_large(limit: int) -> TurnRefused:
    message = f"The request body is larger than {limit} bytes (policy.requests.maxBodyBytes): send less, or raise it."
    return TurnRefused(Failure(kind="too_large", message=message, should_retry=False))
