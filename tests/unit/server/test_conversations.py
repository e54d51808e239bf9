"""Server-side history by conversation_id, in every dialect, bound to the client's key."""

from __future__ import annotations

from typing import Any

import pytest

from support.gateway_files import secret_document
from support.scripted_upstream import ScriptedUpstream, chat_chunks, whole
from unit.server.conftest import Gateway, anthropic, vllm

BLUE = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Blue."}, "finish_reason": "stop"}]}


def said(request: Any) -> list[tuple[str, str]]:
    return [(each["role"], each["content"]) for each in request.json["messages"]]


@pytest.mark.behaviour("S1", "R7")
async def test_the_same_history_is_read_by_every_dialect(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    upstream.answers += [whole(BLUE), chat_chunks("Be", "cause."), whole(BLUE)]
    async with gateway([vllm(upstream)]) as serving:
        chat = await serving.chat("Which colour?", conversation_id="c1")
        streamed = await serving.messages("Why?", conversation_id="c1", stream=True, system="Be brief.")
        body = {"model": "m", "input": "And now?", "conversation_id": "c1"}
        responses = await serving.client.post("/v1/responses", json=body)
        read = (await serving.client.get("/v1/conversations/c1")).json()
    assert chat.headers["x-llmgateway-conversation-id"] == "c1"
    assert "conversation_id" not in upstream.requests[0].json
    assert "message_stop" in streamed.text
    assert responses.json()["output"][0]["content"][0]["text"] == "Blue."
    history = [("user", "Which colour?"), ("assistant", "Blue."), ("user", "Why?"), ("assistant", "Because.")]
    assert said(upstream.requests[1]) == [("system", "Be brief."), *history[:3]]
    assert said(upstream.requests[2]) == [*history, ("user", "And now?")]
    assert [(each["role"], each["content"]) for each in read["messages"]][:4] == history
    assert read["turns"] == 3


@pytest.mark.behaviour("S1", "R7")
async def test_a_history_goes_to_an_anthropic_upstream_too(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    answer = {
        "type": "message", "role": "assistant", "content": [{"type": "text", "text": "Blue."}],
        "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1},
    }  # fmt: skip
    upstream.answers += [whole(answer), whole(answer)]
    async with gateway([anthropic(upstream)]) as serving:
        await serving.messages("Which colour?", conversation_id="c1")
        second = await serving.messages("Why?", conversation_id="c1")
    assert [each["role"] for each in upstream.requests[1].json["messages"]] == ["user", "assistant", "user"]
    assert second.json()["content"][0]["text"] == "Blue."


@pytest.mark.behaviour("S1")
async def test_conversations_are_listed_and_deleted_by_their_owner_alone(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    upstream.answers += [whole(BLUE), whole(BLUE)]
    auth = {"apiKeys": {"secretRef": {"name": "clients"}}}
    keys = secret_document("clients", alice="a-key", bob="b-key")
    async with gateway([vllm(upstream)], auth=auth, documents=[keys]) as serving:
        alice, bob = {"x-api-key": "a-key"}, {"x-api-key": "b-key"}
        serving.client.headers.update(alice)
        await serving.chat("one", conversation_id="c1")
        await serving.chat("two", conversation_id="c2")
        listed = (await serving.client.get("/v1/conversations")).json()
        assert {each["id"] for each in listed["data"]} == {"c1", "c2"}
        assert (await serving.client.get("/v1/conversations", headers=bob)).json()["data"] == []
        assert (await serving.client.get("/v1/conversations/c1", headers=bob)).status_code == 404
        assert (await serving.client.delete("/v1/conversations/c1", headers=bob)).status_code == 404
        assert (await serving.client.delete("/v1/conversations/c1")).json()["deleted"] is True
        assert (await serving.client.get("/v1/conversations/c1")).status_code == 404


@pytest.mark.behaviour("S1", "T5")
async def test_an_unfinished_answer_is_not_stored(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    cut = chat_chunks("Hello")
    cut.pieces = cut.pieces[:2]
    upstream.answers += [cut, whole(BLUE)]
    async with gateway([vllm(upstream)]) as serving:
        await serving.chat("one", conversation_id="c1", stream=True)
        await serving.chat("two", conversation_id="c1")
    assert said(upstream.requests[1]) == [("user", "two")]


@pytest.mark.behaviour("R7")
async def test_an_empty_conversation_id_is_refused(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    async with gateway([vllm(upstream)]) as serving:
        answer = await serving.chat("one", conversation_id="")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "conversation_id"
