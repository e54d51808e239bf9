"""Credentials: keys that change, logins in files, and what happens without any."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from contract.claude_agent.agent import Agent, running_agent
from contract.claude_agent.anthropic_endpoint import AnthropicEndpoint, says
from llmgateway.upstreams.claude_agent import AgentSettings, ClaudeAgentTransport
from llmgateway.upstreams.http_transport import HTTPTransport, PoolSettings

pytestmark = pytest.mark.asyncio

LOGIN = {
    "claudeAiOauth": {
        "accessToken": "sk-ant-oat01-of-the-file",
        "refreshToken": "sk-ant-ort01-x",
        "expiresAt": int((time.time() + 86400) * 1000),
        "scopes": ["user:inference", "user:profile"],
        "subscriptionType": "max",
        "rateLimitTier": "default",
    }
}


@pytest.mark.behaviour("C5")
async def test_a_changed_key_is_used_at_once_and_running_answers_finish_on_the_old_one() -> None:
    async with running_agent(size=2) as agent:
        agent.endpoint.brain = lambda asked: says(asked.key, " says", pause=0.3)
        running = await agent.send("hello", key="old")
        first = await agent.text("hello", key="new")
        assert "new" in first
        assert b"old" in await running.read_all()
        assert [asked.key for asked in agent.endpoint.asked] == ["old", "new"]


async def test_the_kept_sessions_of_an_old_key_are_recycled() -> None:
    async with running_agent(size=2) as agent:
        await agent.text("hello", key="old")
        await agent.until_quiet()
        assert agent.transport.health()["kept"] == 1
        await agent.text("other", key="new", thinking={"type": "adaptive"})
        assert agent.transport.health()["kept"] == 0


@pytest.mark.parametrize(
    ("shown", "sent"),
    [("Bearer some-token", "Bearer some-token"), ("Bearer sk-ant-oat01-abc", "Bearer sk-ant-oat01-abc")],
)
async def test_bearer_tokens_are_shown_as_such(shown: str, sent: str) -> None:
    async with running_agent(size=1) as agent:
        assert await agent.text("hello", key="", headers={"authorization": shown}) == "[hello]" or "oat" in shown
        assert agent.endpoint.asked[-1].headers["authorization"] == sent
        assert "x-api-key" not in agent.endpoint.asked[-1].headers


@pytest.mark.behaviour("C5")
async def test_a_missing_login_is_a_state_and_no_crash(tmp_path: Path) -> None:
    async with AnthropicEndpoint() as endpoint:
        agent = _with_login(endpoint, tmp_path / "nowhere")
        assert agent.transport.health()["state"] == "no_login"
        status, body = await agent.whole("hello", key="")
        assert (status, body["error"]["type"]) == (500, "api_error")
        assert "credentials file is missing" in body["error"]["message"]
        await agent.transport.close()
        assert not endpoint.asked


@pytest.mark.behaviour("C5")
async def test_a_login_file_is_used_where_it_lies_and_may_come_later(tmp_path: Path) -> None:
    async with AnthropicEndpoint() as endpoint:
        agent = _with_login(endpoint, tmp_path)
        assert agent.transport.health()["state"] == "no_login"
        (tmp_path / ".credentials.json").write_text(json.dumps(LOGIN))
        assert agent.transport.health()["state"] == "ok"
        assert "[hello]" in await agent.text("hello", key="")
        assert endpoint.asked[-1].headers["authorization"] == "Bearer sk-ant-oat01-of-the-file"
        assert (tmp_path / "debug").is_dir()
        await agent.transport.close()
    assert (tmp_path / ".credentials.json").exists()


def _with_login(endpoint: AnthropicEndpoint, folder: Path) -> Agent:
    settings = AgentSettings(base_url=endpoint.url, size=1, uses_login=True)
    http = HTTPTransport(settings.base_url, PoolSettings())
    return Agent(endpoint, ClaudeAgentTransport(settings, http, login=folder))
