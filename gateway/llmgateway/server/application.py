"""The ASGI application: hot POST routes first, everything else through FastAPI.

No middleware stands around the hot routes: what wraps `send` is paid for every chunk of every stream.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from llmgateway.server.call import ClientDialect
from llmgateway.server.cross_origin import allowed_origin, cors_headers, preflight, with_cors
from llmgateway.server.request_body import Receive
from llmgateway.server.runtime import Runtime
from llmgateway.server.stream_pump import Send
from llmgateway.server.turn_log import TurnLog
from llmgateway.server.turn_record import TurnRecord
from llmgateway.server.turn_route import serve_turn

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
ColdApplication = Callable[[Scope, Receive, Send], Awaitable[None]]

HOT_ROUTES: dict[str, ClientDialect] = {
    "/v1/chat/completions": "chat",
    "/v1/messages": "messages",
    "/anthropic/v1/messages": "messages",
    "/v1/responses": "responses",
}


class Application:
    """One gateway process."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._log = TurnLog(runtime.metrics)
        self._cold: asyncio.Task[ColdApplication] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        headers = dict(scope["headers"])
        origin = allowed_origin(headers, self._runtime.snapshot.allowed_origins)
        dialect = HOT_ROUTES.get(scope["path"]) if scope["method"] == "POST" else None
        if dialect is not None:
            await self._turn(dialect, headers, receive, send, origin)
        elif origin is not None and scope["method"] == "OPTIONS":
            await preflight(headers, origin, send)
        else:
            cold = await asyncio.shield(self._making_cold())
            await cold(scope, receive, send if origin is None else with_cors(send, origin))

    async def _turn(
        self, dialect: ClientDialect, headers: dict[bytes, bytes], receive: Receive, send: Send, origin: bytes | None
    ) -> None:
        record = TurnRecord(dialect, headers, cors_headers(origin))
        self._log.began()
        try:
            await serve_turn(record, self._runtime.snapshot, self._runtime.services, headers, receive, send)
        finally:
            self._log.ended(record)

    def _making_cold(self) -> asyncio.Task[ColdApplication]:
        """The cold routes, made beside the first requests: a third of the start is theirs."""
        if self._cold is None:
            self._cold = asyncio.create_task(asyncio.to_thread(_make_cold, self._runtime))
        return self._cold

    async def _live(self, receive: Receive, send: Send) -> None:
        """The lifespan protocol: a configuration that can't be used stops the start with its errors."""
        await receive()
        try:
            await self._runtime.start()
        except (OSError, ValueError) as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        gc.collect()
        gc.freeze()  # what is there now stays: a full collection that walks all of it would hold up every stream
        await send({"type": "lifespan.startup.complete"})
        self._making_cold()
        await receive()
        await self._runtime.close()
        await send({"type": "lifespan.shutdown.complete"})


def _make_cold(runtime: Runtime) -> ColdApplication:
    from llmgateway.server.cold_routes import cold_application  # noqa: PLC0415 - FastAPI takes long to import

    made = cold_application(runtime)
    gc.freeze()
    return made
