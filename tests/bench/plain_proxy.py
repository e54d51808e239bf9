"""A pass-through on the gateway's own server and client libraries, and nothing else: python plain_proxy.py PORT URL.

The regression guard states the gateway's cost as a multiple of this one's, so that it means the same on any machine.
"""

from __future__ import annotations

import sys
from typing import Any

import aiohttp
import uvicorn

EVENT_STREAM = "text/event-stream"


class PlainProxy:
    """Raw ASGI: each upstream read is one send."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._session: aiohttp.ClientSession

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        body = await _body(receive)
        url = self._upstream + scope["path"]
        async with self._session.post(url, data=body, headers={"content-type": "application/json"}) as answer:
            kind = answer.headers["content-type"]
            headers = [(b"content-type", kind.encode())]
            if not kind.startswith(EVENT_STREAM):
                whole = await answer.read()
                headers.append((b"content-length", b"%d" % len(whole)))
                await send({"type": "http.response.start", "status": answer.status, "headers": headers})
                await send({"type": "http.response.body", "body": whole})
                return
            await send({"type": "http.response.start", "status": answer.status, "headers": headers})
            while data := await answer.content.readany():
                await send({"type": "http.response.body", "body": data, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None),
        )
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._session.close()
        await send({"type": "lifespan.shutdown.complete"})


async def _body(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


if __name__ == "__main__":
    uvicorn.run(
        PlainProxy(sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", http="httptools", ws="none",
        lifespan="on", log_config=None, access_log=False,
    )  # fmt: skip
