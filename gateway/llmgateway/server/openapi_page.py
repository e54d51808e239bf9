"""The hot routes in `/openapi.json`: they are served in front of FastAPI, and documented here."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

_BODY = {"required": True, "content": {"application/json": {"schema": {"type": "object", "required": ["model"]}}}}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The answer; `text/event-stream` when the request says `stream: true`",
        "content": {"application/json": {}, "text/event-stream": {}},
    },
    400: {"description": "The request is wrong; the error says where"},
    401: {"description": "No key, or one that is not known"},
    413: {"description": "The body is longer than policy.requests.maxBodyBytes"},
    503: {"description": "No backend could be reached (529 for Messages)"},
}
_SUMMARIES = {
    "/v1/chat/completions": "OpenAI Chat Completions",
    "/v1/messages": "Anthropic Messages",
    "/anthropic/v1/messages": "Anthropic Messages, for clients that want a prefix",
    "/v1/responses": "OpenAI Responses",
}


def document_hot_routes(application: FastAPI) -> None:
    """Adds the hot routes to the OpenAPI document. They never run: the application dispatches before FastAPI."""
    for path, summary in _SUMMARIES.items():
        application.add_api_route(
            path,
            _served_elsewhere,
            methods=["POST"],
            summary=summary,
            responses=_ANSWERS,
            openapi_extra={"requestBody": _BODY},
        )


async def _served_elsewhere() -> None:
    raise AssertionError("hot routes are dispatched before FastAPI")
