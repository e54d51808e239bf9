"""Routes where microseconds don't count, on FastAPI: models, health, metrics, the OpenAPI page, the console."""

from __future__ import annotations

from importlib.metadata import version
from importlib.resources import files
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from llmgateway.failures import Failure, TurnRefused, kind_of_status
from llmgateway.server.call import Call, ClientDialect
from llmgateway.server.conversations_routes import conversations_router
from llmgateway.server.count_tokens_route import count_tokens
from llmgateway.server.dialects import DIALECTS
from llmgateway.server.model_list import (
    anthropic_list,
    anthropic_model,
    codex_list,
    openai_list,
    openai_model,
    visible_models,
)
from llmgateway.server.openapi_page import document_hot_routes
from llmgateway.server.request_body import read_body
from llmgateway.server.responses_routes import responses_router
from llmgateway.server.runtime import Runtime
from llmgateway.server.sessions_routes import sessions_router
from llmgateway.server.turn_record import request_id_of
from llmgateway.wire import json_codec

CONSOLE_HEADERS = {
    "content-security-policy": "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; frame-ancestors 'none'",
    "cache-control": "no-cache",
}
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


def cold_application(runtime: Runtime) -> FastAPI:
    """All cold routes of one gateway process."""
    application = FastAPI(title="llmgateway", version=version("llmgateway"), docs_url=None, redoc_url=None)
    _add_probes(application, runtime)
    _add_models(application, runtime)
    _add_count_tokens(application, runtime)
    application.include_router(responses_router(runtime))
    application.include_router(conversations_router(runtime))
    application.include_router(sessions_router(runtime))
    _add_console(application)
    document_hot_routes(application)
    application.add_exception_handler(TurnRefused, _refused)
    application.add_exception_handler(HTTPException, _http_error)
    return application


def _add_probes(application: FastAPI, runtime: Runtime) -> None:
    @application.get("/healthz", summary="The process is alive")
    async def healthz() -> Response:
        return Response("ok\n", media_type="text/plain")

    @application.get("/readyz", summary="The gateway takes requests; 503 while it drains")
    async def readyz() -> Response:
        if runtime.draining:
            return Response("draining\n", status_code=503, media_type="text/plain")
        store = runtime.services.store.health()
        note = "ok\n" if store.state == "ok" else f"ok, but the store is away: {store.reason}\n"
        return Response(note, media_type="text/plain")

    @application.get("/health", summary="The state of configuration and backends")
    async def health() -> Response:
        return _json(runtime.health())

    @application.get("/metrics", summary="Metrics in Prometheus' text format")
    async def metrics() -> Response:
        return Response(await runtime.exposition(), media_type=EXPOSITION)


def _add_models(application: FastAPI, runtime: Runtime) -> None:
    async def visible(request: Request) -> list[Any]:
        client = await runtime.snapshot.access.client_of(dict(request.scope["headers"]))
        return visible_models(runtime.snapshot, runtime.served, client)

    @application.get("/v1/models", summary="The models, in the caller's dialect")
    async def models(request: Request) -> Response:
        found = await visible(request)
        if _is_anthropic(request):
            return _json(anthropic_list(found))
        return _json(codex_list(found) if "client_version" in request.query_params else openai_list(found))

    @application.get("/v1/models/{model_id:path}", summary="One model, in the caller's dialect")
    async def model(request: Request, model_id: str) -> Response:
        found = next((each for each in await visible(request) if each.id == model_id), None)
        if found is None:
            message = f"Model {model_id[:200]!r} is not served here: GET /v1/models lists the names."
            raise TurnRefused(Failure(kind="not_found", message=message, code="model_not_found", param="model"))
        return _json(anthropic_model(found) if _is_anthropic(request) else openai_model(found))


def _add_count_tokens(application: FastAPI, runtime: Runtime) -> None:
    @application.post("/v1/messages/count_tokens", summary="Tokens of a Messages request")
    @application.post("/anthropic/v1/messages/count_tokens", summary="Tokens of a Messages request")
    async def counted(request: Request) -> Response:
        headers, snapshot = dict(request.scope["headers"]), runtime.snapshot
        await snapshot.access.client_of(headers)
        body = await read_body(request.receive, headers, snapshot.max_body_bytes)
        counted, exact = await count_tokens(Call("messages", body), snapshot, headers)
        return Response(
            counted, media_type="application/json", headers={"x-llmgateway-count": "exact" if exact else "estimate"}
        )


def _add_console(application: FastAPI) -> None:
    page = files("llmgateway.server").joinpath("console.html").read_text(encoding="utf-8")

    @application.api_route("/", methods=["GET", "HEAD"], summary="The console", include_in_schema=False)
    async def console() -> Response:
        return Response(page, media_type="text/html", headers=CONSOLE_HEADERS)


def _is_anthropic(request: Request) -> bool:
    return "anthropic-version" in request.headers


def _dialect_of(request: Request) -> ClientDialect:
    """Whose error envelope a cold route's caller reads."""
    return "messages" if _is_anthropic(request) or "/messages" in request.url.path else "chat"


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, TurnRefused)  # noqa: S101 - registered for this class only
    return _failure(request, error.failure)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class only
    message = f"{request.method} {request.url.path}: {error.detail}"
    answer = _failure(request, Failure(kind=kind_of_status(error.status_code), message=message))
    answer.status_code = error.status_code
    answer.headers.update(error.headers or {})
    return answer


def _failure(request: Request, failure: Failure) -> Response:
    request_id = request_id_of(dict(request.scope["headers"]))
    status, body = DIALECTS[_dialect_of(request)].encode_failure(failure, request_id)
    headers = {"x-request-id": request_id}
    if failure.should_retry is not None:
        headers["x-should-retry"] = str(failure.should_retry).lower()
    return Response(body, status_code=status, media_type="application/json", headers=headers)


def _json(document: Any) -> Response:
    return Response(json_codec.encode(document), media_type="application/json")
