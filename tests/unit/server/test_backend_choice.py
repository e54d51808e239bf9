"""Retries, failover, circuits, unknown models, credentials: what happens before an answer begins."""

from __future__ import annotations

import pytest

from support.free_port import free_port
from support.gateway_files import model, secret_document
from support.scripted_upstream import Scripted, ScriptedUpstream, chat_chunks, whole
from unit.server.conftest import Gateway, anthropic, vllm

ANSWER = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]}


@pytest.mark.behaviour("R11", "T6")
async def test_the_second_backend_answers_when_the_first_is_overloaded(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    async with ScriptedUpstream() as second:
        upstream.answers.append(whole({"error": {"message": "busy"}}, 503))
        second.answers.append(whole(ANSWER))
        async with gateway([vllm(upstream, "a"), vllm(second, "b")]) as serving:
            answer = await serving.messages()
    assert answer.json()["content"] == [{"type": "text", "text": "Hello"}]
    assert answer.headers["x-llmgateway-backend"] == "b"


@pytest.mark.behaviour("T6")
async def test_the_second_backend_answers_when_the_first_can_t_be_reached(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    upstream.answers.append(whole(ANSWER))
    dead = {"name": "dead", "type": "VLLM", "endpoint": {"url": f"http://127.0.0.1:{free_port()}/v1"}}
    async with gateway([dead, vllm(upstream)]) as serving:
        answer = await serving.chat()
    assert answer.headers["x-llmgateway-backend"] == "local"


@pytest.mark.behaviour("R11")
async def test_there_is_no_failover_after_the_first_token(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    async with ScriptedUpstream() as second:
        upstream.answers.append(Scripted(chat_chunks("Hello").pieces[:2]))
        async with gateway([vllm(upstream, "a"), vllm(second, "b")]) as serving:
            answer = await serving.chat(stream=True)
        assert second.requests == []
    assert "error" in answer.text


@pytest.mark.behaviour("T6")
async def test_a_lone_backend_is_tried_again_and_then_reported_as_overloaded(gateway: Gateway) -> None:
    dead = {
        "name": "dead", "type": "VLLM", "endpoint": {"url": f"http://127.0.0.1:{free_port()}/v1"},
        "retry": {"attempts": 3, "delay": "10ms"},
    }  # fmt: skip
    async with gateway([dead]) as serving:
        messages = await serving.messages()
        chat = await serving.chat()
        metrics = (await serving.client.get("/metrics")).text
    assert (messages.status_code, messages.json()["error"]["type"]) == (529, "overloaded_error")
    assert chat.status_code == 503
    assert 'attempts_total{backend="dead",result="connect_failed"} 6.0' in metrics


@pytest.mark.behaviour("R11")
async def test_a_dead_backend_is_not_tried_first_by_every_request(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    dead = {"name": "dead", "type": "VLLM", "endpoint": {"url": f"http://127.0.0.1:{free_port()}/v1"}}
    upstream.answers += [whole(ANSWER) for _ in range(6)]
    async with gateway([dead, vllm(upstream)], policy={"circuitBreaker": {"failures": 2}}) as serving:
        for _ in range(6):
            assert (await serving.chat()).status_code == 200
        metrics = (await serving.client.get("/metrics")).text
        health = (await serving.client.get("/health")).json()
    assert 'attempts_total{backend="dead",result="connect_failed"} 2.0' in metrics
    assert health["backends"]["dead"]["circuit"] == "open"
    assert health["status"] == "degraded"


@pytest.mark.behaviour("R8")
async def test_unknown_names_lead_to_the_default_model(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    upstream.answers.append(whole(ANSWER))
    async with gateway([vllm(upstream)], models=[model("coder", "local", upstream="Qwen")]) as serving:
        await serving.chat(model="gpt-4o")
    assert upstream.requests[0].json["model"] == "Qwen"


@pytest.mark.behaviour("R8")
async def test_unknown_names_are_refused_in_the_caller_s_dialect_where_the_spec_says_so(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    async with gateway([vllm(upstream)], unknownModels="Reject") as serving:
        chat = await serving.chat(model="nobody")
        messages = await serving.messages(model="nobody")
    assert (chat.status_code, chat.json()["error"]["code"]) == (404, "model_not_found")
    assert (messages.status_code, messages.json()["error"]["type"]) == (404, "not_found_error")


@pytest.mark.behaviour("R8")
async def test_names_that_an_upstream_serves_lead_to_it(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    async with ScriptedUpstream() as second:
        second.models = ["special"]
        second.answers.append(whole(ANSWER))
        backends = [vllm(upstream, "a"), vllm(second, "b")]
        async with gateway(backends, models=[model("m", "a", aliases=["gpt-*"])]) as serving:
            await serving.runtime.discover_once()
            await serving.chat(model="special")
            listed = (await serving.client.get("/v1/models")).json()
    assert second.requests[0].json["model"] == "special"
    assert [entry["id"] for entry in listed["data"]] == ["m", "special"]


@pytest.mark.behaviour("R12")
async def test_a_backend_gets_its_own_credential_and_never_the_client_s(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    async with ScriptedUpstream() as second:
        upstream.answers.append(whole(ANSWER))
        second.answers.append(whole({"type": "message", "content": [], "stop_reason": "end_turn", "usage": {}}))
        reference = {"kind": "Secret", "name": "keys", "key": "k"}
        backends = [vllm(upstream, "a", credentialRef=reference), anthropic(second, "b", credentialRef=reference)]
        models = [model("one", "a"), model("two", "b")]
        keys = secret_document("keys", k="upstream-key")
        async with gateway(backends, models=models, documents=[keys]) as serving:
            serving.client.headers["authorization"] = "Bearer client-key"
            await serving.chat(model="one")
            await serving.messages(model="two")
    assert upstream.requests[0].headers["authorization"] == "Bearer upstream-key"
    assert second.requests[0].headers["x-api-key"] == "upstream-key"
    assert "authorization" not in second.requests[0].headers


@pytest.mark.behaviour("R12")
async def test_passthrough_hands_on_the_client_s_credential_where_the_spec_says_so(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    upstream.answers.append(whole(ANSWER))
    async with gateway([vllm(upstream, authPassthrough=True)]) as serving:
        serving.client.headers["authorization"] = "Bearer client-key"
        await serving.chat()
    assert upstream.requests[0].headers["authorization"] == "Bearer client-key"


async def test_a_missing_credential_is_a_clear_error_that_names_the_secret(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    reference = {"kind": "Secret", "name": "keys", "key": "k"}
    async with gateway([vllm(upstream, credentialRef=reference)]) as serving:
        answer = await serving.chat()
        health = (await serving.client.get("/health")).json()
    assert answer.status_code == 500
    assert "key k of Secret keys is missing" in answer.json()["error"]["message"]
    assert health["backends"]["local"]["credential"] == "missing"
