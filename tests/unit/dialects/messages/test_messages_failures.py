"""Failures in and out of the Messages dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgateway.dialects.anthropic_messages import DIALECT
from llmgateway.events import Event, TurnFailed
from llmgateway.failures import Failure, FailureKind


def decode(status: int, document: Any, **headers: str) -> Failure:
    body = json.dumps(document).encode()
    return DIALECT.decode_failure(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def kind_of(events: list[Event]) -> FailureKind:
    (event,) = events
    assert isinstance(event, TurnFailed)
    return event.failure.kind


def encoded(failure: Failure) -> tuple[int, str, str]:
    status, body = DIALECT.encode_failure(failure, "req_1")
    document = json.loads(body)
    assert set(document) == {"type", "error", "request_id"}
    assert (document["type"], document["request_id"]) == ("error", "req_1")
    assert set(document["error"]) == {"type", "message"}
    return status, document["error"]["type"], document["error"]["message"]


@pytest.mark.behaviour("T5", "T6")
@pytest.mark.parametrize(
    ("upstream_status", "status", "kind"),
    [
        (400, 400, "invalid_request_error"),
        (401, 401, "authentication_error"),
        (402, 402, "billing_error"),
        (403, 403, "permission_error"),
        (404, 404, "not_found_error"),
        (409, 409, "conflict_error"),
        (413, 413, "request_too_large"),
        (422, 422, "invalid_request_error"),
        (429, 429, "rate_limit_error"),
        (500, 500, "api_error"),
        (502, 502, "api_error"),
        (503, 529, "overloaded_error"),
        (504, 504, "timeout_error"),
        (529, 529, "overloaded_error"),
    ],
)
def test_each_status_has_its_place_in_anthropics_envelope(upstream_status: int, status: int, kind: str) -> None:
    failure = decode(upstream_status, {"error": {"message": "It went wrong.", "type": "t", "code": None}})
    assert encoded(failure) == (status, kind, "It went wrong.")


@pytest.mark.behaviour("T5")
@pytest.mark.parametrize(
    ("word", "status", "kind"),
    [
        ("invalid_request_error", 400, "invalid_request"),
        ("authentication_error", 401, "authentication"),
        ("billing_error", 402, "billing"),
        ("permission_error", 403, "permission"),
        ("not_found_error", 404, "not_found"),
        ("conflict_error", 409, "conflict"),
        ("request_too_large", 413, "too_large"),
        ("rate_limit_error", 429, "rate_limited"),
        ("api_error", 500, "internal"),
        ("timeout_error", 504, "timeout"),
        ("overloaded_error", 529, "overloaded"),
    ],
)
def test_each_error_type_is_read_from_an_answer_and_from_a_stream(word: str, status: int, kind: FailureKind) -> None:
    document = {"type": "error", "error": {"type": word, "message": "It went wrong."}, "request_id": "req_up"}
    assert decode(status, document).kind == kind
    data = b"event: error\ndata: " + json.dumps(document).encode() + b"\n\n"
    assert kind_of(DIALECT.stream_decoder().feed(data)) == kind


@pytest.mark.behaviour("T5", "R13")
def test_an_overflow_with_its_numbers_is_worded_so_that_agents_compact() -> None:
    failure = Failure(kind="context_overflow", message="request (1524 tokens) ...", input_tokens=1524, window=1024)
    status, kind, message = encoded(failure)
    assert (status, kind) == (400, "invalid_request_error")
    assert message.startswith("prompt is too long: 1524 tokens > 1024 maximum")
    assert "compact" in message


@pytest.mark.behaviour("T5", "R13")
def test_an_overflow_without_numbers_begins_with_the_same_words() -> None:
    assert encoded(Failure(kind="context_overflow", message="Too much."))[2] == "prompt is too long: Too much."
    only_the_window = Failure(kind="context_overflow", message="Too much.", window=1024)
    assert encoded(only_the_window)[2] == "prompt is too long: Too much."


@pytest.mark.behaviour("T5")
@pytest.mark.parametrize(
    "message",
    [
        "prompt is too long: 210000 tokens > 200000 maximum",
        "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input length",
    ],
)
def test_anthropics_own_wording_of_an_overflow_stays(message: str) -> None:
    failure = decode(400, {"type": "error", "error": {"type": "invalid_request_error", "message": message}})
    assert failure.kind == "context_overflow"
    assert encoded(failure)[2] == message


@pytest.mark.behaviour("T5")
def test_retry_after_and_should_retry_are_kept() -> None:
    failure = decode(529, {"type": "error"}, Retry_After="5", X_Should_Retry="true")
    assert (failure.retry_after, failure.should_retry) == (5, True)


def test_a_whole_answer_that_is_none_is_a_bad_gateway() -> None:
    for body in (b"", b"<html>", b"[]", b"{}", b'{"content":"x"}', b'{"choices":[]}'):
        assert kind_of(DIALECT.decode_whole(body)) == "bad_gateway", body


def test_an_error_under_http_200_keeps_its_kind() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Busy"}}'
    assert kind_of(DIALECT.decode_whole(body)) == "overloaded"


def test_the_end_of_a_message_that_never_began_is_no_answer() -> None:
    events = DIALECT.stream_decoder().feed(b'data: {"type":"message_stop"}\n\n')
    assert kind_of(events) == "bad_gateway"
