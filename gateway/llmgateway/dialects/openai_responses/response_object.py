"""The Responses API's response object: one function makes it for streams, whole answers and stored responses.

Shape: OpenAI API reference, "The response object". Fields of the request are echoed as they came; a setting that the
client left out shows the API's default, and null where only the upstream knows what it used (temperature, top_p).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from llmgateway.dialects.reply import Reply
from llmgateway.events import FinishReason, Usage

ResponseStatus = Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]

INCOMPLETE_REASON: dict[FinishReason, str] = {
    "length": "max_output_tokens",
    "context_window": "max_output_tokens",
    "refusal": "content_filter",
}
"""The reasons that end a response as `incomplete`; every other one ends it as `completed`."""

_DEFAULTS: dict[str, Any] = {
    "background": False,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "safety_identifier": None,
    "service_tier": "default",
    "store": True,
    "temperature": None,
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": None,
    "truncation": "disabled",
    "user": None,
}


def response_object(
    reply: Reply,
    status: ResponseStatus,
    output: Sequence[dict[str, Any]] = (),
    *,
    usage: Usage | None = None,
    error: dict[str, Any] | None = None,
    incomplete_reason: str | None = None,
    completed_at: int | None = None,
) -> dict[str, Any]:
    """The whole document. `completed_at` is Unix seconds; it shows on completed responses only."""
    return {
        "id": response_id(reply),
        "object": "response",
        "created_at": reply.created,
        "status": status,
        "completed_at": completed_at if status == "completed" else None,
        "error": error,
        "incomplete_details": {"reason": incomplete_reason} if incomplete_reason else None,
        "model": reply.model,
        "output": list(output),
        **_echoes(reply.request),
        "usage": usage_object(usage) if usage is not None else None,
    }


def response_id(reply: Reply) -> str:
    """`resp_` and the reply's id."""
    return f"resp_{reply.id}"


def usage_object(usage: Usage) -> dict[str, Any]:
    """Token counts with every detail that the API has."""
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_creation_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _echoes(request: Mapping[str, Any]) -> dict[str, Any]:
    echoes = {name: _given(request.get(name), default) for name, default in _DEFAULTS.items()}
    echoes["text"] = {"format": {"type": "text"}} | _object(request.get("text"))
    echoes["reasoning"] = {"effort": None, "summary": None} | _object(request.get("reasoning"))
    conversation = request.get("conversation")
    echoes["conversation"] = {"id": conversation} if isinstance(conversation, str) else conversation
    return echoes


def _given(value: Any, default: Any) -> Any:
    return default if value is None else value


def _object(value: Any) -> dict[str, Any]:
    return {key: found for key, found in value.items() if found is not None} if isinstance(value, Mapping) else {}
