"""The agent backend behind the gateway's own routes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from contract.claude_agent.anthropic_endpoint import AnthropicEndpoint, calls, fails
from llmgateway.server.application import Application
from llmgateway.server.runtime import Runtime
from support.gateway_files import gateway_document, model, write_documents

pytestmark = pytest.mark.asyncio


def login(token: str) -> str:
    ends = int((time.time() + 86400) * 1000)
    return json.dumps({"claudeAiOauth": {"accessToken": token, "refreshToken": "", "expiresAt": ends,
                                         "scopes": ["user:inference", "user:profile"]}})  # fmt: skip


@contextlib.asynccontextmanager
async def gateway(
    endpoint: AnthropicEndpoint, folder: Path, *, key: str = "api-key", value: str = "sk-of-the-spec"
) -> AsyncIterator[httpx.AsyncClient]:
    """`value` stands in a mounted Secret, folder/secrets/key/<key>."""
    backend = {
        "name": "claude",
        "type": "ClaudeAgent",
        "endpoint": {"url": endpoint.url},
        "credentialRef": {"kind": "Secret", "name": "key", "key": key},
        "sessionPool": {"size": 2},
    }
    models = [model("m", "claude", upstream="claude-sonnet-4-6")]
    file = write_documents(folder / "gateway.yaml", gateway_document([backend], models=models))
    secret = folder / "secrets" / "key"
    secret.mkdir(parents=True)
    (secret / key).write_text(value)
    runtime = Runtime(file, folder / "secrets")
    await runtime.start()
    transport = httpx.ASGITransport(app=Application(runtime))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway", timeout=60) as client:
            yield client
    finally:
        await runtime.close()


@pytest.mark.behaviour("R6", "T10")
async def test_a_chat_client_streams_from_the_agent(tmp_path: Path) -> None:
    async with AnthropicEndpoint() as endpoint, gateway(endpoint, tmp_path) as client:
        messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}]
        body = {"model": "m", "stream": True, "stream_options": {"include_usage": True}, "messages": messages}
        answer = await client.post("/v1/chat/completions", json=body)
        chunks = [json.loads(line[6:]) for line in answer.text.split("\n\n") if line.startswith("data: {")]
        texts = [chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"]]
        assert "".join(texts) == "[hello]"
        assert answer.text.endswith("data: [DONE]\n\n")
        assert chunks[-1]["usage"]["completion_tokens"] == 7
        assert endpoint.asked[0].key == "sk-of-the-spec"
        assert endpoint.asked[0].body["system"][-1]["text"] == "Be brief."

        tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
        endpoint.brain = lambda asked: calls((asked.body["tools"][0]["name"], {"x": 1}))
        answer = await client.post("/v1/chat/completions", json={**body, "stream": False, "tools": [tool]})
        call = answer.json()["choices"][0]["message"]["tool_calls"][0]["function"]
        assert (call["name"], json.loads(call["arguments"])) == ("look", {"x": 1})

        endpoint.brain = lambda asked: fails(429, "rate_limit_error", "slow down")
        answer = await client.post("/v1/messages", json={"model": "m", "max_tokens": 9, "messages": messages[1:]})
        assert answer.status_code == 429 and "slow down" in answer.text

        count = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
        answer = await client.post("/v1/messages/count_tokens", json=count)
        assert (
            answer.headers["x-llmgateway-count"] == "estimate"
            and endpoint.others[-1] == "POST /v1/messages/count_tokens"
        )


@pytest.mark.behaviour("C5")
async def test_a_mounted_login_is_used_and_its_rotation_fails_no_request(tmp_path: Path) -> None:
    key = ".credentials.json"
    async with (
        AnthropicEndpoint() as endpoint,
        gateway(endpoint, tmp_path, key=key, value=login("sk-ant-oat01-first")) as client,
    ):
        body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
        assert (await client.post("/v1/messages", json=body)).status_code == 200
        (tmp_path / "secrets" / "key" / key).write_text(login("sk-ant-oat01-second"))
        statuses, deadline = set(), time.monotonic() + 30
        while endpoint.asked[-1].headers["authorization"] != "Bearer sk-ant-oat01-second":
            assert time.monotonic() < deadline
            statuses.add((await client.post("/v1/messages", json=body)).status_code)
            await asyncio.sleep(0.2)
        health = (await client.get("/health")).json()
    assert endpoint.asked[0].headers["authorization"] == "Bearer sk-ant-oat01-first"
    assert statuses == {200}
    assert "sk-ant" not in json.dumps(health)
