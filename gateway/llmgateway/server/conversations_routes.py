"""`/v1/conversations`: a client's own histories, listed, read and forgotten (S1)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from llmgateway.failures import Failure, TurnRefused
from llmgateway.server.responses_turn import STORE_AWAY
from llmgateway.server.runtime import Runtime
from llmgateway.storage.errors import StoreError
from llmgateway.storage.records import Conversation, ConversationSummary
from llmgateway.wire import json_codec

MAX_PAGE = 100


def conversations_router(runtime: Runtime) -> APIRouter:
    """The routes; another client's id is 404, as an unknown one."""
    router = APIRouter(prefix="/v1/conversations")

    async def owner_of(request: Request) -> str:
        return await runtime.snapshot.access.client_of(dict(request.scope["headers"]))

    @router.get("", summary="The client's conversations, newest first")
    async def listed(request: Request, limit: int = 20, after: str | None = None) -> Response:
        owner = await owner_of(request)
        try:
            page = await runtime.services.store.conversations.page(owner, min(max(limit, 1), MAX_PAGE), after)
        except StoreError:
            raise TurnRefused(STORE_AWAY) from None
        except ValueError as error:
            raise TurnRefused(Failure(kind="invalid_request", message=f"{error}.", param="after")) from None
        data = [_summary(item) for item in page.items]
        return _json({"object": "list", "data": data, "has_more": page.next is not None, "next": page.next})

    @router.get("/{conversation_id}", summary="One conversation with its messages, chat-shaped")
    async def read(request: Request, conversation_id: str) -> Response:
        try:
            found = await runtime.services.store.conversations.read(await owner_of(request), conversation_id)
        except StoreError:
            raise TurnRefused(STORE_AWAY) from None
        if found is None:
            raise _unknown(conversation_id)
        return _json(_whole(found))

    @router.delete("/{conversation_id}", summary="Forgets a conversation")
    async def delete(request: Request, conversation_id: str) -> Response:
        try:
            deleted = await runtime.services.store.conversations.delete(await owner_of(request), conversation_id)
        except StoreError:
            raise TurnRefused(STORE_AWAY) from None
        if not deleted:
            raise _unknown(conversation_id)
        return _json({"id": conversation_id, "object": "conversation.deleted", "deleted": True})

    return router


def _unknown(identifier: str) -> TurnRefused:
    message = f"Conversation {identifier[:80]!r} is not stored here: it is unknown, expired, or another client's."
    return TurnRefused(Failure(kind="not_found", message=message, param="conversation_id"))


def _summary(found: ConversationSummary) -> dict[str, Any]:
    return {
        "id": found.id, "object": "conversation", "created_at": int(found.created), "updated_at": int(found.updated),
        "turns": found.turns, "metadata": found.metadata,
    }  # fmt: skip


def _whole(found: Conversation) -> dict[str, Any]:
    return {
        "id": found.id, "object": "conversation", "created_at": int(found.created), "updated_at": int(found.updated),
        "turns": len(found.turns), "metadata": found.metadata, "messages": found.messages,
    }  # fmt: skip


def _json(document: Any) -> Response:
    return Response(json_codec.encode(document), media_type="application/json")
