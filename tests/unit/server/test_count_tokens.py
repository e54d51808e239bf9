"""Token counts come from whoever serves the model, else from an estimate that errs upwards."""

from __future__ import annotations

import json

import pytest

from llmgateway.server.count_tokens_route import estimated_tokens
from support.scripted_upstream import ScriptedUpstream, whole
from unit.server.conftest import Gateway, anthropic, vllm

BODY = {"model": "m", "system": "Be brief.", "messages": [{"role": "user", "content": "hello"}]}


@pytest.mark.behaviour("R3")
async def test_vllm_counts_with_its_own_tokenizer(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    upstream.tokenizer_answers.append(whole({"count": 23, "max_model_len": 4096}))
    async with gateway([vllm(upstream)]) as serving:
        answer = await serving.client.post("/v1/messages/count_tokens?beta=true", json=BODY)
    assert answer.json() == {"input_tokens": 23}
    assert answer.headers["x-llmgateway-count"] == "exact"
    assert upstream.tokenizer_requests[0].path == "/tokenize"
    assert [message["role"] for message in upstream.tokenizer_requests[0].json["messages"]] == ["system", "user"]


@pytest.mark.behaviour("R3")
async def test_llama_cpp_counts_what_its_template_makes(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    upstream.tokenizer_answers += [whole({"prompt": "<|im_start|>..."}), whole({"tokens": [1, 2, 3]})]
    async with gateway([vllm(upstream) | {"type": "LlamaCpp"}]) as serving:
        answer = await serving.client.post("/v1/messages/count_tokens", json=BODY)
    assert answer.json() == {"input_tokens": 3}
    assert [request.path for request in upstream.tokenizer_requests] == ["/apply-template", "/tokenize"]


@pytest.mark.behaviour("R3")
async def test_anthropic_s_own_count_is_passed_through(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    upstream.answers.append(whole({"input_tokens": 11, "future": 1}))
    async with gateway([anthropic(upstream)]) as serving:
        answer = await serving.client.post("/v1/messages/count_tokens", json=BODY)
    assert answer.json() == {"input_tokens": 11, "future": 1}
    assert upstream.requests[0].path == "/v1/messages/count_tokens"
    assert upstream.requests[0].json["model"] == "up"


@pytest.mark.behaviour("R3")
async def test_an_upstream_that_can_t_count_gets_an_estimate_that_errs_upwards(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    prose = "The quick brown fox jumps over the lazy dog. " * 50  # 10 tokens a sentence in every current tokenizer
    async with gateway([vllm(upstream)]) as serving:
        body = BODY | {"messages": [{"role": "user", "content": prose}]}
        answer = await serving.client.post("/v1/messages/count_tokens", content=json.dumps(body))
    assert answer.headers["x-llmgateway-count"] == "estimate"
    assert 500 <= answer.json()["input_tokens"] <= 1000


@pytest.mark.behaviour("T5")
async def test_a_refusal_of_anthropic_s_counter_keeps_its_status(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    refusal = {"type": "error", "error": {"type": "not_found_error", "message": "model: up"}}
    upstream.answers.append(whole(refusal, 404))
    async with gateway([anthropic(upstream)]) as serving:
        answer = await serving.client.post("/v1/messages/count_tokens", json=BODY)
    assert (answer.status_code, answer.json()["error"]["type"]) == (404, "not_found_error")


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The quick brown fox jumps over the lazy dog. " * 20, 200),  # 10 tokens a sentence
        ("9e3779b97f4a7c15 " * 20, 180),  # 9 to 10 tokens a digest in the same tokenizers
        ("政府周三决定，今后将投入更多资金用于道路和桥梁的维护。" * 10, 230),
    ],
)
def test_the_estimate_is_not_silently_low(text: str, tokens: int) -> None:
    assert tokens <= estimated_tokens(text.encode()) <= 2 * tokens
