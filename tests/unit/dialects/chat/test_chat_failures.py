"""Failures in and out of the chat dialect, and how servers say that a prompt is too long."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgateway.dialects.openai_chat import DIALECT
from llmgateway.events import TurnFailed
from llmgateway.failures import Failure, FailureKind

OPENAI = {"message": "It went wrong.", "type": "t", "param": None, "code": None}

OVERFLOWS: dict[str, tuple[dict[str, Any], int | None, int | None]] = {
    "openai": (
        {
            "message": "This model's maximum context length is 128000 tokens. However, your messages resulted in "
            "130001 tokens. Please reduce the length of the messages.",
            "type": "invalid_request_error",
            "param": "messages",
            "code": "context_length_exceeded",
        },
        130001,
        128000,
    ),
    "openai_responses": (
        {
            "message": "Your input exceeds the context window of this model. Please adjust your input and try again.",
            "code": "context_length_exceeded",
        },
        None,
        None,
    ),
    "vllm_prompt": (
        {
            "message": "This model's maximum context length is 4096 tokens. However, you requested 5100 tokens (5000 "
            "in the messages, 100 in the completion). Please reduce the length of the messages or completion.",
            "type": "BadRequestError",
            "code": 400,
        },
        5000,
        4096,
    ),
    "vllm_prompt_and_answer": (
        {
            "message": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4000 "
            "in the messages, 1000 in the completion). Please reduce the length of the messages or completion.",
            "type": "BadRequestError",
            "code": 400,
        },
        5000,
        4096,
    ),
    "vllm_decoder_prompt": (
        {
            "message": "The decoder prompt (length 5000) is longer than the maximum model length of 4096. Make sure "
            "that `max_model_len` is no smaller than the number of text tokens.",
            "type": "BadRequestError",
            "code": 400,
        },
        5000,
        4096,
    ),
    "vllm_passed": (
        {
            "message": "You passed 5000 input tokens and requested 16 output tokens. However, the model's context "
            "length is only 4096 tokens, resulting in a maximum input length of 4080 tokens. Please reduce the "
            "length of the input prompt.",
            "type": "BadRequestError",
            "code": 400,
        },
        5000,
        4096,
    ),
    "llama_cpp": (
        {
            "code": 400,
            "message": "request (1524 tokens) exceeds the available context size (1024 tokens), try increasing it",
            "type": "exceed_context_size_error",
            "n_prompt_tokens": 1524,
            "n_ctx": 1024,
        },
        1524,
        1024,
    ),
    "llama_cpp_older": (
        {
            "code": 500,
            "message": "the request exceeds the available context size. try increasing the context size or enable "
            "context shift",
            "type": "server_error",
        },
        None,
        None,
    ),
    "ollama": ({"message": "prompt too long; exceeded max context length by 120 tokens"}, None, None),
    "ollama_input": ({"message": "the input length exceeds the context length"}, None, None),
    "sglang": (
        {"message": "The input (5000 tokens) is longer than the model's context length (4096 tokens)."},
        5000,
        4096,
    ),
    "mistral": (
        {
            "message": "Prompt contains 40,000 tokens and 0 draft tokens, too large for model with 32,768 maximum "
            "context length"
        },
        40000,
        32768,
    ),
    "gemini": (
        {"message": "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576)."},
        1048577,
        1048576,
    ),
    "anthropic": (
        {"type": "invalid_request_error", "message": "prompt is too long: 210000 tokens > 200000 maximum"},
        210000,
        200000,
    ),
    "anthropic_with_max_tokens": (
        {
            "type": "invalid_request_error",
            "message": "input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000, decrease input "
            "length or `max_tokens` and try again",
        },
        210000,
        200000,
    ),
    "bedrock": ({"message": "Input is too long for requested model."}, None, None),
}


def decode(status: int, document: Any, **headers: str) -> Failure:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return DIALECT.decode_failure(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


@pytest.mark.behaviour("T5")
@pytest.mark.parametrize("wording", OVERFLOWS)
@pytest.mark.parametrize("status", [400, 413, 500])
def test_an_overflow_is_recognised_in_every_wording(wording: str, status: int) -> None:
    error, tokens, window = OVERFLOWS[wording]
    failure = decode(status, {"error": error})
    assert failure.kind == "context_overflow"
    assert (failure.input_tokens, failure.window) == (tokens, window)
    assert failure.from_upstream


@pytest.mark.behaviour("T5", "R13")
@pytest.mark.parametrize("wording", OVERFLOWS)
def test_an_overflow_is_said_in_openais_words(wording: str) -> None:
    status, body = DIALECT.encode_failure(decode(400, {"error": OVERFLOWS[wording][0]}), "req_1")
    error = json.loads(body)["error"]
    assert (status, error["code"], error["type"]) == (400, "context_length_exceeded", "invalid_request_error")
    if OVERFLOWS[wording][2]:
        assert f"maximum context length is {OVERFLOWS[wording][2]} tokens" in error["message"]


@pytest.mark.behaviour("T5")
@pytest.mark.parametrize(
    "message",
    [
        "'max_tokens' or 'max_completion_tokens' is too large: 5000. This model's maximum context length is 4096 "
        "tokens and your request has 100 input tokens (5000 > 4096 - 100).",
        "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 35000.",
        "max_tokens is too long",
    ],
)
def test_what_a_shorter_prompt_does_not_help_is_no_overflow(message: str) -> None:
    assert decode(400, {"error": {**OPENAI, "message": message}}).kind == "invalid_request"


@pytest.mark.behaviour("T5")
@pytest.mark.parametrize(
    ("status", "kind", "client_status"),
    [
        (400, "invalid_request", 400),
        (401, "authentication", 401),
        (402, "billing", 429),
        (403, "permission", 403),
        (404, "not_found", 404),
        (408, "timeout", 504),
        (409, "conflict", 409),
        (413, "too_large", 413),
        (418, "invalid_request", 400),
        (422, "unprocessable", 422),
        (429, "rate_limited", 429),
        (500, "internal", 500),
        (501, "internal", 500),
        (502, "bad_gateway", 502),
        (503, "unavailable", 503),
        (504, "timeout", 504),
        (529, "overloaded", 503),
        (302, "bad_gateway", 502),
    ],
)
def test_each_status_has_its_kind_and_goes_to_the_client_as_openai_says_it(
    status: int, kind: FailureKind, client_status: int
) -> None:
    failure = decode(status, {"error": OPENAI})
    assert (failure.kind, failure.message) == (kind, "It went wrong.")
    found, body = DIALECT.encode_failure(failure, "req_1")
    assert found == client_status
    assert set(json.loads(body)["error"]) == {"message", "type", "param", "code"}


@pytest.mark.behaviour("T5")
@pytest.mark.parametrize(
    ("document", "message", "code", "param"),
    [
        ({"error": {**OPENAI, "code": "c", "param": "p"}}, "It went wrong.", "c", "p"),
        ({"error": {"code": 400, "message": "bad", "type": "invalid_request_error"}}, "bad", None, None),
        ({"type": "error", "error": {"type": "t", "message": "bad"}, "request_id": "r"}, "bad", None, None),
        ({"object": "error", "message": "bad", "type": "BadRequestError", "code": 400}, "bad", None, None),
        ({"message": "bad"}, "bad", None, None),
        ({"error": "bad"}, "bad", None, None),
        ({"detail": "bad"}, "bad", None, None),
        (
            {"detail": [{"loc": ["body", "n"], "msg": "too big"}, {"loc": ["body"], "msg": "odd"}]},
            "body.n: too big; body: odd",
            None,
            None,
        ),
        ([{"error": {"message": "bad", "status": "INVALID"}}], "bad", None, None),
        (b"<html><head><style>p{x}</style></head><body>\n<h1>502 Bad Gateway</h1></body></html>",
         "The upstream answered HTTP 400: 502 Bad Gateway", None, None),
        (b"no healthy upstream", "The upstream answered HTTP 400: no healthy upstream", None, None),
        (b"", "The upstream answered HTTP 400.", None, None),
        ({"error": {"message": None}}, "The upstream gave no reason.", None, None),
        ({"error": None}, "The upstream answered HTTP 400: {\"error\": null}", None, None),
    ],
)  # fmt: skip
def test_an_error_body_is_read_in_any_shape(document: Any, message: str, code: str | None, param: str | None) -> None:
    failure = decode(400, document)
    assert (failure.kind, failure.message, failure.code, failure.param) == ("invalid_request", message, code, param)


def test_of_a_page_three_hundred_characters_are_quoted() -> None:
    message = decode(502, b"<p>" + b"word " * 10_000).message
    assert message.startswith("The upstream answered HTTP 502: word word")
    assert len(message) < 350


def test_a_key_in_an_upstreams_message_is_not_passed_on() -> None:
    failure = decode(401, {"error": {**OPENAI, "message": "Incorrect API key provided: sk-proj-ab**************wxyz."}})
    assert "ab**" not in failure.message
    assert "wxyz" not in failure.message


@pytest.mark.behaviour("T5")
def test_retry_after_and_should_retry_are_kept() -> None:
    failure = decode(429, {"error": OPENAI}, Retry_After="17", X_Should_Retry="false")
    assert (failure.retry_after, failure.should_retry) == (17, False)
    assert decode(429, {"error": OPENAI}, retry_after_ms="1500.5").retry_after == 2
    assert decode(429, {"error": OPENAI}, retry_after="Fri, 21 Nov 2026 08:00:00 GMT").retry_after is None
    assert decode(429, {"error": OPENAI}).should_retry is None


@pytest.mark.behaviour("T5")
@pytest.mark.parametrize("code", ["insufficient_quota", "billing_error"])
def test_an_account_that_cannot_pay_is_no_rate_limit(code: str) -> None:
    failure = decode(429, {"error": {**OPENAI, "code": code}})
    assert failure.kind == "billing"
    status, body = DIALECT.encode_failure(failure, "req_1")
    assert (status, json.loads(body)["error"]["code"]) == (429, "insufficient_quota")


def test_a_whole_answer_that_is_none_is_a_bad_gateway() -> None:
    for body in (b"", b"<html>", b"[]", b"{}", b'{"choices":[]}', b'{"choices":[],"usage":{}}', b'{"type":"message"}'):
        event = DIALECT.decode_whole(body)[-1]
        assert isinstance(event, TurnFailed)
        assert event.failure.kind == "bad_gateway", body


def test_an_error_under_http_200_keeps_its_kind() -> None:
    (event,) = DIALECT.decode_whole(b'{"error":{"message":"Slow down","type":"rate_limit_error","code":429}}')
    assert isinstance(event, TurnFailed)
    assert event.failure.kind == "rate_limited"
