"""Failures in the words of the Responses API: before the stream as HTTP errors, inside it as `response.failed`."""

from __future__ import annotations

from typing import Any

from llmgateway.dialects.openai_envelope import encode_openai_failure, message_of
from llmgateway.failures import Failure, FailureKind

_RESPONSE_CODE: dict[FailureKind, str] = {
    "context_overflow": "context_length_exceeded",
    "rate_limited": "rate_limit_exceeded",
    "billing": "insufficient_quota",
    "invalid_request": "invalid_prompt",
    "unprocessable": "invalid_prompt",
    "too_large": "invalid_prompt",
}
"""Codex retries every code but these (rate_limit_exceeded after the time that the message tells)."""


def encode_failure(failure: Failure, request_id: str) -> tuple[int, bytes]:
    """HTTP status and OpenAI's error envelope, which has no place for `request_id` (it goes into `x-request-id`)."""
    return encode_openai_failure(failure)


def response_error(failure: Failure) -> dict[str, Any]:
    """The `error` of a failed response: `{code, message}`."""
    return {"code": _RESPONSE_CODE.get(failure.kind, "server_error"), "message": _message(failure)}


def _message(failure: Failure) -> str:
    message = message_of(failure)
    if failure.kind != "rate_limited" or failure.retry_after is None or "try again in" in message:
        return message
    return f"{message} Please try again in {failure.retry_after}s."  # the wording that Codex reads the seconds from
