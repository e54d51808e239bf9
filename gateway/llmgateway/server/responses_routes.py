"""The Responses API beside its POST: retrieve, follow, delete, cancel, input items (OpenAI API reference)."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from llmgateway.failures import Failure, TurnRefused
from llmgateway.server.response_follower import follow
from llmgateway.server.responses_turn import STORE_AWAY, unknown_response
from llmgateway.server.runtime import Runtime
from llmgateway.server.stream_pump import Send
from llmgateway.server.turn_record import TurnRecord
from llmgateway.storage.errors import StoreError
from llmgateway.storage.records import StoredResponse
from llmgateway.wire import json_codec

MAX_PAGE = 100


class Streamed(Response):
    """A response that writes itself: FastAPI only finds the route."""

    def __init__(self, runtime: Runtime, record: TurnRecord, identifier: str, after: int) -> None:
        super().__init__()
        self._runtime = runtime
        self._record = record
        self._identifier = identifier
        self._after = after

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Send) -> None:
        """ASGI 3."""
        responses, keep_alive = self._runtime.services.store.responses, self._runtime.snapshot.keep_alive
        await follow(responses, self._record, self._identifier, self._after, send, keep_alive)


def responses_router(runtime: Runtime) -> APIRouter:
    """The routes under /v1/responses."""
    router = APIRouter(prefix="/v1/responses")

    async def stored(request: Request, identifier: str) -> tuple[str, StoredResponse]:
        owner = await runtime.snapshot.access.client_of(dict(request.scope["headers"]))
        try:
            found = await runtime.services.store.responses.read(owner, identifier)
        except StoreError:
            raise TurnRefused(STORE_AWAY) from None
        if found is None:
            raise TurnRefused(unknown_response(identifier, "response_id"))
        return owner, found

    @router.get("/{response_id}", summary="A stored response; stream=true follows it after starting_after")
    async def retrieve(request: Request, response_id: str, stream: bool = False, starting_after: int = -1) -> Response:
        owner, found = await stored(request, response_id)
        if not stream:
            return _json(found.document)
        record = TurnRecord("responses", dict(request.scope["headers"]))
        record.client = owner
        return Streamed(runtime, record, response_id, starting_after)

    @router.delete("/{response_id}", summary="Forgets a stored response")
    async def delete(request: Request, response_id: str) -> Response:
        owner, _ = await stored(request, response_id)
        runtime.services.background.cancel(response_id)
        try:
            await runtime.services.store.responses.delete(owner, response_id)
        except StoreError:
            raise TurnRefused(STORE_AWAY) from None
        return _json({"id": response_id, "object": "response", "deleted": True})

    @router.post("/{response_id}/cancel", summary="Ends a background response")
    async def cancel(request: Request, response_id: str) -> Response:
        owner, found = await stored(request, response_id)
        if found.document.get("background") is not True:
            message = "Only a response that was created with background: true can be cancelled."
            raise TurnRefused(Failure(kind="invalid_request", message=message, param="response_id"))
        if found.is_open:
            document = {**found.document, "status": "cancelled"}
            try:
                await runtime.services.store.responses.finish(owner, response_id, "cancelled", document)
            except StoreError:
                raise TurnRefused(STORE_AWAY) from None
            runtime.services.background.cancel(response_id)
            _, found = await stored(request, response_id)
        return _json(found.document)

    @router.get("/{response_id}/input_items", summary="What the response was made from")
    async def items(
        request: Request, response_id: str, limit: int = 20, after: str | None = None, order: str = "desc"
    ) -> Response:
        _, found = await stored(request, response_id)
        return _json(_item_page(found, min(max(limit, 1), MAX_PAGE), after, newest_first=order != "asc"))

    return router


def _item_page(found: StoredResponse, limit: int, after: str | None, *, newest_first: bool) -> dict[str, Any]:
    items = [{"id": f"item_{found.id[5:]}{place:03d}", **item} for place, item in enumerate(found.input_items)]
    if newest_first:
        items.reverse()
    if after is not None:
        places = [place for place, item in enumerate(items) if item["id"] == after]
        if not places:
            message = f"Item {after[:80]!r} is not one of this response."
            raise TurnRefused(Failure(kind="invalid_request", message=message, param="after"))
        items = items[places[0] + 1 :]
    page = items[:limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": len(items) > limit,
    }


def _json(document: Any) -> Response:
    return Response(json_codec.encode(document), media_type="application/json")
