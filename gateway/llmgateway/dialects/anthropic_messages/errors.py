"""Failures in and out of Anthropic's words. Source: Anthropic API reference, "Errors"."""

from __future__ import annotations

from collections.abc import Mapping

from llmgateway.dialects import upstream_failure
from llmgateway.failures import Failure, FailureKind
from llmgateway.wire import json_codec

_TYPE: dict[FailureKind, str] = {
    "authentication": "authentication_error",
    "billing": "billing_error",
    "permission": "permission_error",
    "not_found": "not_found_error",
    "conflict": "conflict_error",
    "too_large": "request_too_large",
    "rate_limited": "rate_limit_error",
    "internal": "api_error",
    "bad_gateway": "api_error",
    "unavailable": "overloaded_error",
    "timeout": "timeout_error",
    "overloaded": "overloaded_error",
}

_STATUS: dict[FailureKind, int] = {"unavailable": 529}
"""Anthropic's word for "nobody can serve this now"."""

_TOO_LONG = "prompt is too long"
_KNOWN_OVERFLOWS = (f"{_TOO_LONG}: ", "input length and `max_tokens` exceed context limit: ")
"""How clients recognise an overflow, and compact."""


def decode_failure(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """An upstream's error answer, in any shape that servers of this dialect use."""
    return upstream_failure.read_answer(status, headers, body)


def encode_failure(failure: Failure, request_id: str) -> tuple[int, bytes]:
    """HTTP status and envelope."""
    status = _STATUS.get(failure.kind, failure.status)
    return status, json_codec.encode({"type": "error", "error": error_object(failure), "request_id": request_id})


def error_object(failure: Failure) -> dict[str, str]:
    """`{type, message}`: the value of the envelope's `error`."""
    message = _overflow(failure) if failure.kind == "context_overflow" else failure.message
    return {"type": _TYPE.get(failure.kind, "invalid_request_error"), "message": message}


def _overflow(failure: Failure) -> str:
    """`prompt is too long: N tokens > M maximum` and what to do, or the upstream's words behind the same opening."""
    if failure.message.startswith(_KNOWN_OVERFLOWS):
        return failure.message
    if failure.input_tokens and failure.window and failure.input_tokens > failure.window:
        numbers = f"{failure.input_tokens} tokens > {failure.window} maximum"
        return f"{_TOO_LONG}: {numbers}. Shorten or compact the conversation, or use a model with a larger window."
    return f"{_TOO_LONG}: {failure.message}"
