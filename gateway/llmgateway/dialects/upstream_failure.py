"""What an upstream reports as an error, in whatever shape, read into one Failure.

{"error": {"message", "type", "param", "code"}}            OpenAI; llama.cpp with an integer `code`
{"type": "error", "error": {"type", "message"}}            Anthropic
{"object": "error", "message", "type", "code"}             vLLM, older versions
{"detail": "..." | [{"loc", "msg"}]}                       FastAPI in front of a model
{"error": "..."}                                           Ollama's own routes
[{"error": {...}}]                                         some proxies
anything else                                              a proxy's page: its text, 300 characters of it
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmgateway.dialects.context_overflow import overflow_in
from llmgateway.failures import Failure, FailureKind, kind_of_status
from llmgateway.wire import json_codec

QUOTED_CHARACTERS = 300

_KIND_OF_WORD: dict[str, FailureKind] = {
    "overloaded_error": "overloaded",
    "rate_limit_error": "rate_limited",
    "rate_limit_exceeded": "rate_limited",
    "insufficient_quota": "billing",
    "billing_error": "billing",
    "authentication_error": "authentication",
    "invalid_api_key": "authentication",
    "permission_error": "permission",
    "not_found_error": "not_found",
    "model_not_found": "not_found",
    "NotFoundError": "not_found",
    "conflict_error": "conflict",
    "request_too_large": "too_large",
    "invalid_request_error": "invalid_request",
    "BadRequestError": "invalid_request",
    "timeout_error": "timeout",
    "unavailable_error": "unavailable",
}

_STRONGER_THAN_STATUS = {"overloaded", "billing"}
"""Servers and resellers say these two under 400, 429, 500 and 503 alike."""

_SIGNS_OF_ERROR = {"error", "code", "detail"}

_KIND_OF_ODD_STATUS: dict[int, FailureKind] = {408: "timeout", 522: "timeout", 524: "timeout", 521: "unavailable"}

_SECRETS = re.compile(r"\b(sk-|Bearer )[\w*.\-]{4,}")
_MARKUP = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)


def read_answer(status: int, headers: Mapping[str, str], body: bytes) -> Failure:
    """An HTTP error answer -> Failure, with `retry-after` and `x-should-retry` of its headers."""
    lowered = {name.lower(): value for name, value in headers.items()}
    error = _error_of(_document(body)) or {"message": _page_text(status, body)}
    return _failure(
        error, status, retry_after=_retry_after(lowered), should_retry=_should_retry(lowered.get("x-should-retry"))
    )


def read_event(payload: bytes) -> Failure | None:
    """An error inside a stream or under HTTP 200 -> Failure; None for a document that is no error."""
    document = _document(payload)
    if isinstance(document, dict) and not document.keys() & _SIGNS_OF_ERROR:
        return None  # `{"message": "still working"}` is no error
    error = _error_of(document)
    return None if error is None else _failure(error, None)


def closed_early() -> Failure:
    """The upstream's connection ended before its turn did."""
    message = "The upstream closed the connection before the answer was complete."
    return Failure(kind="bad_gateway", message=message, from_upstream=True)


def no_answer(what: str) -> Failure:
    """The upstream sent something that is no answer; `what` ends a sentence."""
    return Failure(kind="bad_gateway", message=f"The upstream sent {what}.", from_upstream=True)


def _failure(
    error: Mapping[str, Any], status: int | None, *, retry_after: int | None = None, should_retry: bool | None = None
) -> Failure:
    message = _SECRETS.sub(r"\1***", _message_of(error)) or "The upstream gave no reason."
    overflow = overflow_in(error, message)
    code = error.get("code")
    return Failure(
        kind="context_overflow" if overflow else _kind_of(error, status),
        message=message,
        code=code if isinstance(code, str) and code else None,
        param=_text(error.get("param")),
        retry_after=retry_after,
        should_retry=should_retry,
        input_tokens=overflow.tokens if overflow else None,
        window=overflow.window if overflow else None,
        from_upstream=True,
    )


def _kind_of(error: Mapping[str, Any], status: int | None) -> FailureKind:
    words = (error.get("code"), error.get("type"))
    said = next((_KIND_OF_WORD[word] for word in words if isinstance(word, str) and word in _KIND_OF_WORD), None)
    if said and (status is None or said in _STRONGER_THAN_STATUS):
        return said
    status = status or next((word for word in words if type(word) is int), None)
    if status is None:
        return "internal"
    if status < 400:
        return "bad_gateway"
    return _KIND_OF_ODD_STATUS.get(status) or kind_of_status(status)


def _document(body: bytes) -> Any:
    try:
        return json_codec.decode(body)
    except json_codec.InvalidJSON:
        return None


def _error_of(document: Any) -> dict[str, Any] | None:
    if isinstance(document, list) and document:
        document = document[0]
    if not isinstance(document, dict):
        return None
    error = document.get("error")
    if isinstance(error, dict):
        return error
    if isinstance(error, str) and error:
        return {**document, "message": error}
    if document.get("object") == "error" or isinstance(document.get("message"), str):
        return document
    return {"message": _detail(document["detail"])} if document.get("detail") else None


def _detail(detail: Any) -> str:
    if not isinstance(detail, list):
        return detail if isinstance(detail, str) else str(detail)
    items = [item for item in detail if isinstance(item, dict)]
    places = [".".join(str(step) for step in item.get("loc") or ()) for item in items]
    return "; ".join(f"{place}: {item.get('msg')}" for place, item in zip(places, items, strict=True))


def _message_of(error: Mapping[str, Any]) -> str:
    message = error.get("message")
    return message if isinstance(message, str) else ""


def _page_text(status: int, body: bytes) -> str:
    start = body[: 100 * QUOTED_CHARACTERS].decode("utf-8", "replace")
    text = " ".join(_MARKUP.sub(" ", start).split())[:QUOTED_CHARACTERS]
    return f"The upstream answered HTTP {status}" + (f": {text}" if text else ".")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _retry_after(headers: Mapping[str, str]) -> int | None:
    seconds = headers.get("retry-after", "").strip()
    if seconds.isdecimal():
        return int(seconds)
    milliseconds = headers.get("retry-after-ms", "").strip().partition(".")[0]
    return -(-int(milliseconds) // 1000) if milliseconds.isdecimal() else None


def _should_retry(said: str | None) -> bool | None:
    return {"true": True, "false": False}.get((said or "").strip().lower())
