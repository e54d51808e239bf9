"""The Responses API over its store: kept, continued, followed, cancelled, deleted."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from support.gateway_files import model, secret_document
from support.scripted_upstream import HANG, Scripted, ScriptedUpstream, chat_chunks, whole
from unit.server.conftest import Gateway, Serving, vllm

SCRIPTED: list[dict[str, Any]] = [{"name": "s", "type": "Scripted"}]
MODELS = [model("m", "s", upstream="scripted"), model("slow", "s", upstream="scripted-slow")]


async def create(serving: Serving, text: str = "hello", **fields: Any) -> httpx.Response:
    return await serving.client.post("/v1/responses", json={"model": "m", "input": text, **fields})


async def finished(serving: Serving, identifier: str, seconds: float = 30.0) -> dict[str, Any]:
    async with asyncio.timeout(seconds):
        while True:
            found: dict[str, Any] = (await serving.client.get(f"/v1/responses/{identifier}")).json()
            if found["status"] not in ("queued", "in_progress"):
                return found
            await asyncio.sleep(0.05)


def events_of(text: str) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]


@pytest.mark.behaviour("R4")
async def test_a_response_is_stored_fetched_and_deleted(gateway: Gateway) -> None:
    async with gateway(SCRIPTED, models=MODELS) as serving:
        created = (await create(serving)).json()
        url = f"/v1/responses/{created['id']}"
        assert (await serving.client.get(url)).json() == created
        items = (await serving.client.get(f"{url}/input_items")).json()
        assert items["data"][0]["content"] == [{"type": "input_text", "text": "hello"}]
        assert (await serving.client.delete(url)).json() == {"id": created["id"], "object": "response", "deleted": True}
        gone = await serving.client.get(url)
    assert gone.status_code == 404
    assert "is not stored here" in gone.json()["error"]["message"]


@pytest.mark.behaviour("R4")
async def test_a_response_that_must_not_be_stored_is_not(gateway: Gateway) -> None:
    async with gateway(SCRIPTED, models=MODELS) as serving:
        created = (await create(serving, store=False)).json()
        assert (await serving.client.get(f"/v1/responses/{created['id']}")).status_code == 404


@pytest.mark.behaviour("R4")
async def test_previous_response_id_puts_the_history_in_front(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    answer = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Blue."}, "finish_reason": "stop"}]}
    upstream.answers += [whole(answer), whole(answer)]
    async with gateway([vllm(upstream)]) as serving:
        first = (await create(serving, "Which colour?")).json()
        await create(serving, "Why?", previous_response_id=first["id"])
        unknown = await create(serving, "Why?", previous_response_id="resp_unknown")
    said = [(each["role"], each["content"]) for each in upstream.requests[1].json["messages"]]
    assert said == [("user", "Which colour?"), ("assistant", "Blue."), ("user", "Why?")]
    assert unknown.status_code == 404
    assert unknown.json()["error"]["code"] == "previous_response_not_found"


@pytest.mark.behaviour("R4")
async def test_a_stored_stream_can_be_replayed_after_any_number(gateway: Gateway) -> None:
    async with gateway(SCRIPTED, models=MODELS) as serving:
        streamed = events_of((await create(serving, stream=True)).text)
        url = f"/v1/responses/{streamed[0]['response']['id']}?stream=true"
        assert events_of((await serving.client.get(url)).text) == streamed
        assert events_of((await serving.client.get(f"{url}&starting_after=4")).text) == streamed[5:]
    assert [event["sequence_number"] for event in streamed] == list(range(len(streamed)))


@pytest.mark.behaviour("R4")
async def test_background_work_goes_on_without_its_client(gateway: Gateway) -> None:
    async with gateway(SCRIPTED, models=MODELS) as serving:
        created = (await create(serving, "word " * 10, model="slow", background=True)).json()
        assert created["status"] == "in_progress"
        found = await finished(serving, created["id"])
    assert found["status"] == "completed"
    assert found["output"][0]["content"][0]["text"].startswith("You said: word")


@pytest.mark.behaviour("R4")
async def test_a_broken_background_stream_is_resumed_where_it_broke(gateway: Gateway) -> None:
    async with gateway(SCRIPTED, models=MODELS) as serving:
        body = {"model": "slow", "input": "word " * 20, "background": True, "stream": True}
        seen: list[dict[str, Any]] = []
        async with serving.client.stream("POST", "/v1/responses", json=body) as answer:
            async for line in answer.aiter_lines():
                seen += events_of(line)
                if len(seen) == 8:
                    break
        url = f"/v1/responses/{seen[0]['response']['id']}?stream=true&starting_after={seen[-1]['sequence_number']}"
        seen += events_of((await serving.client.get(url)).text)
    assert [event["sequence_number"] for event in seen] == list(range(len(seen)))
    assert seen[-1]["type"] == "response.completed"


@pytest.mark.behaviour("R4", "T8")
async def test_a_cancelled_response_closes_its_upstream(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    upstream.answers.append(Scripted([*chat_chunks("Hello").pieces[:2], HANG]))
    async with gateway([vllm(upstream)]) as serving:
        created = (await create(serving, background=True)).json()
        async with asyncio.timeout(20):
            while not upstream.requests:
                await asyncio.sleep(0.02)
        cancelled = (await serving.client.post(f"/v1/responses/{created['id']}/cancel")).json()
        assert cancelled["status"] == "cancelled"
        await asyncio.wait_for(upstream.requests[0].closed.wait(), 1)
        assert (await serving.client.get(f"/v1/responses/{created['id']}")).json()["status"] == "cancelled"


@pytest.mark.behaviour("R4", "T5")
async def test_a_background_failure_is_a_failed_response(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    upstream.answers.append(whole({"error": {"message": "no memory", "type": "server_error"}}, 500))
    async with gateway([vllm(upstream)]) as serving:
        created = (await create(serving, background=True)).json()
        found = await finished(serving, created["id"])
    assert found["status"] == "failed"
    assert "no memory" in found["error"]["message"]


@pytest.mark.behaviour("R4")
async def test_only_background_responses_can_be_cancelled_and_background_needs_a_store(gateway: Gateway) -> None:
    async with gateway(SCRIPTED, models=MODELS) as serving:
        created = (await create(serving)).json()
        refused = await serving.client.post(f"/v1/responses/{created['id']}/cancel")
        unstored = await create(serving, background=True, store=False)
    assert (refused.status_code, unstored.status_code) == (400, 400)
    assert unstored.json()["error"]["param"] == "background"


@pytest.mark.behaviour("R4", "S1")
async def test_a_response_of_another_client_is_absent(gateway: Gateway) -> None:
    auth = {"apiKeys": {"secretRef": {"name": "clients"}}}
    keys = secret_document("clients", alice="a-key", bob="b-key")
    async with gateway(SCRIPTED, models=MODELS, auth=auth, documents=[keys]) as serving:
        serving.client.headers["authorization"] = "Bearer a-key"
        created = (await create(serving)).json()
        serving.client.headers["authorization"] = "Bearer b-key"
        assert (await serving.client.get(f"/v1/responses/{created['id']}")).status_code == 404
        assert (await create(serving, previous_response_id=created["id"])).status_code == 404


@pytest.mark.behaviour("R4")
async def test_items_are_paged(gateway: Gateway) -> None:
    items = [{"type": "message", "role": "user", "content": f"text {place}"} for place in range(5)]
    async with gateway(SCRIPTED, models=MODELS) as serving:
        created = (await serving.client.post("/v1/responses", json={"model": "m", "input": items})).json()
        url = f"/v1/responses/{created['id']}/input_items?order=asc&limit=2"
        first = (await serving.client.get(url)).json()
        second = (await serving.client.get(f"{url}&after={first['last_id']}")).json()
    assert [each["content"] for each in [*first["data"], *second["data"]]] == [f"text {place}" for place in range(4)]
    assert first["has_more"] is True


async def test_compact_is_a_clean_refusal(gateway: Gateway) -> None:
    async with gateway(SCRIPTED, models=MODELS) as serving:
        answer = await serving.client.post("/v1/responses/compact", json={"model": "m", "input": "x"})
    assert answer.status_code in (404, 405)
    assert "error" in answer.json()
