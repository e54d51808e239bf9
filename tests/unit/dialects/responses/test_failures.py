"""Failures before the stream (HTTP) and inside it (`response.failed`)."""

from __future__ import annotations

import json
from typing import Any, get_args

import httpx2
import openai
import pytest

from llmgateway.dialects.openai_responses import ResponsesStreamEncoder, encode_failure
from llmgateway.dialects.reply import Reply
from llmgateway.events import TurnFailed
from llmgateway.failures import Failure, FailureKind
from support.event_grammar_responses import judge

REPLY = Reply(id="0" * 32, model="m", created=1)

# kind -> status, type, code before the stream; code inside it
WORDS: dict[FailureKind, tuple[int, str, str | None, str]] = {
    "invalid_request": (400, "invalid_request_error", None, "invalid_prompt"),
    "context_overflow": (400, "invalid_request_error", "context_length_exceeded", "context_length_exceeded"),
    "authentication": (401, "authentication_error", "invalid_api_key", "server_error"),
    "billing": (429, "insufficient_quota", "insufficient_quota", "insufficient_quota"),
    "permission": (403, "invalid_request_error", "permission_denied", "server_error"),
    "not_found": (404, "invalid_request_error", None, "server_error"),
    "conflict": (409, "invalid_request_error", None, "server_error"),
    "too_large": (413, "invalid_request_error", None, "invalid_prompt"),
    "unprocessable": (422, "invalid_request_error", None, "invalid_prompt"),
    "rate_limited": (429, "rate_limit_error", "rate_limit_exceeded", "rate_limit_exceeded"),
    "internal": (500, "server_error", None, "server_error"),
    "bad_gateway": (502, "server_error", None, "server_error"),
    "unavailable": (503, "server_error", None, "server_error"),
    "timeout": (504, "server_error", None, "server_error"),
    "overloaded": (503, "server_error", "overloaded", "server_error"),
}


def envelope_of(failure: Failure) -> tuple[int, dict[str, Any]]:
    status, body = encode_failure(failure, "req_1")
    document = json.loads(body)
    assert list(document) == ["error"]
    assert list(document["error"]) == ["message", "type", "param", "code"]
    return status, document["error"]


def test_every_kind_of_failure_has_its_words() -> None:
    assert set(WORDS) == set(get_args(FailureKind))


@pytest.mark.behaviour("T5", "R13")
@pytest.mark.parametrize("kind", WORDS)
def test_a_failure_before_the_stream_has_openais_status_type_and_code(kind: FailureKind) -> None:
    status, error = envelope_of(Failure(kind=kind, message="Why.", param="input[0]"))
    assert (status, error["type"], error["code"]) == WORDS[kind][:3]
    assert (error["message"], error["param"]) == ("Why.", "input[0]")


@pytest.mark.behaviour("T5")
@pytest.mark.parametrize("kind", WORDS)
def test_a_failure_inside_the_stream_is_a_failed_response_with_a_code(kind: FailureKind) -> None:
    response = judge(ResponsesStreamEncoder(REPLY).encode([TurnFailed(Failure(kind=kind, message="Why."))]))
    assert response["error"] == {"code": WORDS[kind][3], "message": "Why."}


@pytest.mark.behaviour("T5", "R13")
def test_an_overflow_tells_both_numbers_and_keeps_the_code_that_clients_compact_on() -> None:
    overflow = Failure(kind="context_overflow", message="too long", code="x", input_tokens=9000, window=8192)
    _, error = envelope_of(overflow)
    assert error["code"] == "context_length_exceeded"
    assert "8192 tokens" in error["message"]
    assert "9000 tokens" in error["message"]
    _, error = envelope_of(Failure(kind="context_overflow", message="too long", window=8192))
    assert "8192 tokens" in error["message"]
    _, error = envelope_of(Failure(kind="context_overflow", message="too long"))
    assert error["message"] == "too long"


@pytest.mark.behaviour("T5")
def test_an_upstreams_own_code_is_passed_on() -> None:
    assert envelope_of(Failure(kind="invalid_request", message="m", code="unsupported_parameter"))[1]["code"] == (
        "unsupported_parameter"
    )
    assert envelope_of(Failure(kind="not_found", message="m", from_upstream=True))[1]["code"] == "model_not_found"


SDK_ERRORS: dict[FailureKind, type[openai.APIStatusError]] = {
    "invalid_request": openai.BadRequestError,
    "authentication": openai.AuthenticationError,
    "permission": openai.PermissionDeniedError,
    "not_found": openai.NotFoundError,
    "conflict": openai.ConflictError,
    "unprocessable": openai.UnprocessableEntityError,
    "rate_limited": openai.RateLimitError,
    "billing": openai.RateLimitError,
    "overloaded": openai.InternalServerError,
}


@pytest.mark.behaviour("T5")
@pytest.mark.parametrize("kind", SDK_ERRORS)
def test_the_official_sdk_raises_the_right_error_with_message_and_code(kind: FailureKind) -> None:
    def answer(_: httpx2.Request) -> httpx2.Response:
        status, body = encode_failure(Failure(kind=kind, message="Why."), "req_1")
        return httpx2.Response(status, headers={"content-type": "application/json"}, content=body)

    with (
        httpx2.Client(transport=httpx2.MockTransport(answer)) as http,
        openai.OpenAI(api_key="x", base_url="http://gateway.invalid/v1", http_client=http, max_retries=0) as client,
        pytest.raises(SDK_ERRORS[kind], match="Why") as raised,
    ):
        client.responses.create(model="m", input="hi")
    assert raised.value.code == WORDS[kind][2]
