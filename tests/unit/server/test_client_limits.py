"""What single clients may use: models, requests, tokens."""

from __future__ import annotations

from typing import Any

import pytest

from support.gateway_files import model, secret_document
from unit.server.conftest import Gateway

SCRIPTED: list[dict[str, Any]] = [{"name": "s", "type": "Scripted"}]
KEYS = secret_document("clients", alice="a-key", bob="b-key")


def auth(**limits: Any) -> dict[str, Any]:
    return {"apiKeys": {"secretRef": {"name": "clients"}}, "clients": [{"name": "alice", **limits}]}


@pytest.mark.behaviour("R13")
async def test_a_spent_request_budget_is_429_with_an_honest_retry_after(gateway: Gateway) -> None:
    async with gateway(SCRIPTED, auth=auth(requestsPerMinute=2), documents=[KEYS]) as serving:
        serving.client.headers["x-api-key"] = "a-key"
        first, second, third = [await serving.messages() for _ in range(3)]
        serving.client.headers["x-api-key"] = "b-key"
        other = await serving.messages()
    assert [first.status_code, second.status_code, third.status_code, other.status_code] == [200, 200, 429, 200]
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    assert 1 <= int(third.headers["retry-after"]) <= 60
    assert third.json()["error"]["type"] == "rate_limit_error"


async def test_tokens_are_settled_to_what_was_really_used(gateway: Gateway) -> None:
    async with gateway(SCRIPTED, auth=auth(tokensPerMinute=1000), documents=[KEYS]) as serving:
        serving.client.headers["x-api-key"] = "a-key"
        await serving.chat("word " * 600)  # about 760 tokens by the estimate, 1003 by the upstream's count
        second = await serving.chat("hi")
    assert second.status_code == 429
    assert "1000 tokens" in second.json()["error"]["message"]


async def test_a_spent_day_gives_no_hint_that_would_be_a_lie(gateway: Gateway) -> None:
    async with gateway(SCRIPTED, auth=auth(tokensPerDay=1), documents=[KEYS]) as serving:
        serving.client.headers["x-api-key"] = "a-key"
        answer = await serving.chat("hi")
    assert answer.status_code == 429
    assert "retry-after" not in answer.headers or int(answer.headers["retry-after"]) <= 60


async def test_a_client_sees_and_uses_its_own_models_only(gateway: Gateway) -> None:
    models = [model("one", "s", upstream="scripted"), model("two", "s", upstream="scripted")]
    async with gateway(SCRIPTED, models=models, auth=auth(models=["one"]), documents=[KEYS]) as serving:
        serving.client.headers["x-api-key"] = "a-key"
        allowed, refused = await serving.chat(model="one"), await serving.chat(model="two")
        listed = (await serving.client.get("/v1/models")).json()
    assert (allowed.status_code, refused.status_code) == (200, 403)
    assert [each["id"] for each in listed["data"]] == ["one"]
