"""`GET /v1/context` and `POST /v1/sessions/{id}/stop`: how full a session's window is, and stopping it by hand."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request
from fastapi.responses import Response

from llmgateway.failures import Failure, TurnRefused
from llmgateway.policies.session_facts import SessionFacts, context_report
from llmgateway.server.responses_turn import STORE_AWAY
from llmgateway.server.runtime import Runtime
from llmgateway.storage.errors import StoreError
from llmgateway.storage.records import SessionKey, Suspension
from llmgateway.wire import json_codec


def sessions_router(runtime: Runtime) -> APIRouter:
    """Any replica answers for any session of the caller's own."""
    router = APIRouter(prefix="/v1")

    async def key_of(request: Request, session_id: str) -> SessionKey:
        owner = await runtime.snapshot.access.client_of(dict(request.scope["headers"]))
        return SessionKey(owner, session_id)

    @router.get("/context", summary="How full a session's context window is")
    async def context(request: Request, session_id: str) -> Response:
        try:
            known = await runtime.services.store.sessions.read(await key_of(request, session_id))
        except StoreError:
            raise TurnRefused(STORE_AWAY) from None
        if known is None:
            message = f"Session {session_id[:80]!r} is not known here: it is new, forgotten, or another client's."
            raise TurnRefused(Failure(kind="not_found", message=message, param="session_id"))
        facts = SessionFacts(counters=known.counters, peaks=known.peaks, facts=known.facts, entries=known.entries)
        levels = runtime.snapshot.configuration.gateway.spec.policy.sessions.levels
        return _json(context_report(facts, session_id, levels))

    @router.post("/sessions/{session_id}/stop", summary="The session's next request starts afresh")
    async def stop(request: Request, session_id: str) -> Response:
        try:
            key = await key_of(request, session_id)
            await runtime.services.store.sessions.suspend(key, Suspension("stopped", time.time()))
        except StoreError:
            raise TurnRefused(STORE_AWAY) from None
        return _json({"id": session_id, "object": "session", "suspended": True})

    return router


def _json(document: object) -> Response:
    return Response(json_codec.encode(document), media_type="application/json")
