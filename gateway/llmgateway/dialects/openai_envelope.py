"""OpenAI's error envelope `{"error": {message, type, param, code}}`, which Chat Completions and Responses share.

Types and codes: OpenAI API reference, "Error codes". Two statuses differ from `failures.STATUS`: OpenAI has no 529, and
it says 429 `insufficient_quota` where the account can't pay.
"""

from __future__ import annotations

from typing import Any

from llmgateway.failures import Failure, FailureKind
from llmgateway.wire import json_codec

_STATUS: dict[FailureKind, int] = {"billing": 429, "overloaded": 503}

_TYPE: dict[FailureKind, str] = {
    "authentication": "authentication_error",
    "billing": "insufficient_quota",
    "rate_limited": "rate_limit_error",
    "internal": "server_error",
    "bad_gateway": "server_error",
    "unavailable": "server_error",
    "timeout": "server_error",
    "overloaded": "server_error",
}

_CODE: dict[FailureKind, str] = {
    "authentication": "invalid_api_key",
    "permission": "permission_denied",
    "rate_limited": "rate_limit_exceeded",
    "overloaded": "overloaded",
}

_FIXED_CODE: dict[FailureKind, str] = {"context_overflow": "context_length_exceeded", "billing": "insufficient_quota"}
"""Clients act on these two (they compact, or stop retrying): no upstream's own code may replace them."""


def encode_openai_failure(failure: Failure) -> tuple[int, bytes]:
    """HTTP status and body."""
    return status_of(failure), json_codec.encode({"error": error_object(failure)})


def status_of(failure: Failure) -> int:
    """The HTTP status in OpenAI's vocabulary."""
    return _STATUS.get(failure.kind, failure.status)


def error_object(failure: Failure) -> dict[str, Any]:
    """`{message, type, param, code}`: the value of the envelope's `error`."""
    return {
        "message": message_of(failure),
        "type": _TYPE.get(failure.kind, "invalid_request_error"),
        "param": failure.param,
        "code": code_of(failure),
    }


def code_of(failure: Failure) -> str | None:
    """The machine-readable code, or None where OpenAI sends null."""
    if failure.kind in _FIXED_CODE:
        return _FIXED_CODE[failure.kind]
    if failure.kind == "not_found" and failure.from_upstream:
        return failure.code or "model_not_found"  # an upstream is asked for nothing else that could be missing
    return failure.code or _CODE.get(failure.kind)


def message_of(failure: Failure) -> str:
    """The message; an overflow whose numbers are known in OpenAI's own words, which clients search for."""
    if failure.kind != "context_overflow" or failure.window is None:
        return failure.message
    found = f" However, your messages resulted in {failure.input_tokens} tokens." if failure.input_tokens else ""
    return (
        f"This model's maximum context length is {failure.window} tokens.{found} "
        "Please reduce the length of the messages."
    )
