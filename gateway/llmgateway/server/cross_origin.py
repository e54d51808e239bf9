"""Cross-origin resource sharing (WHATWG Fetch, "CORS protocol"), on plain answers and streams alike (H1)."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from llmgateway.server.stream_pump import Send

EXPOSED = (
    b"x-request-id, request-id, retry-after, server-timing, x-llmgateway-backend, x-llmgateway-dropped, "
    b"x-llmgateway-conversation-id, x-llmgateway-session-id"
)
MAX_AGE = b"600"


def allowed_origin(headers: Mapping[bytes, bytes], allowed: Sequence[bytes]) -> bytes | None:
    """The request's origin where the spec allows it (`*` allows all)."""
    if not allowed:
        return None
    origin = headers.get(b"origin")
    return origin if origin is not None and (origin in allowed or b"*" in allowed) else None


def cors_headers(origin: bytes | None) -> list[tuple[bytes, bytes]]:
    """Headers for an answer to an allowed origin."""
    if origin is None:
        return []
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", EXPOSED),
        (b"vary", b"Origin"),
    ]


async def preflight(headers: Mapping[bytes, bytes], origin: bytes, send: Send) -> None:
    """The answer to an OPTIONS request of an allowed origin."""
    answer = [
        *cors_headers(origin),
        (b"access-control-allow-methods", b"GET, POST, DELETE, HEAD"),
        (b"access-control-allow-headers", headers.get(b"access-control-request-headers", b"*")),
        (b"access-control-max-age", MAX_AGE),
        (b"content-length", b"0"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": answer})
    await send({"type": "http.response.body", "body": b""})


def with_cors(send: Send, origin: bytes) -> Send:
    """A `send` that adds the headers (for cold routes only)."""

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *cors_headers(origin)]
        await send(message)

    return sending
