"""The agent backend against an endpoint of ours: what tests and the bench ask, and what they get back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from contract.claude_agent.anthropic_endpoint import AnthropicEndpoint
from llmgateway.upstreams.claude_agent import AgentSettings, ClaudeAgentTransport
from llmgateway.upstreams.http_transport import HTTPTransport, PoolSettings
from llmgateway.upstreams.port import UpstreamAnswer, UpstreamRequest
from support.event_grammar_messages import read_events

MODEL = "claude-sonnet-4-6"


class Agent:
    """A transport and its endpoint."""

    def __init__(self, endpoint: AnthropicEndpoint, transport: ClaudeAgentTransport) -> None:
        self.endpoint = endpoint
        self.transport = transport

    async def send(self, *said: Any, key: str = "key-1", headers: dict[str, str] | None = None,
                   **fields: Any) -> UpstreamAnswer:  # fmt: skip
        """`said`: texts or messages, the first by the user, then in turns."""
        sides = ("user", "assistant")
        messages = [{"role": sides[number % 2], "content": each} if not isinstance(each, dict) else each
                    for number, each in enumerate(said)]  # fmt: skip
        document = {"model": MODEL, "max_tokens": 1000, "messages": messages, "stream": True, **fields}
        shown = {"x-api-key": key} if key else {}
        return await self.transport.send(
            UpstreamRequest("/v1/messages", {**shown, **(headers or {})}, json.dumps(document).encode())
        )

    async def events(self, *said: Any, **fields: Any) -> list[dict[str, Any]]:
        """A streamed answer's events."""
        answer = await self.send(*said, **fields)
        body = await answer.read_all()
        assert answer.status == 200, body
        answer.close()
        return read_events(body)

    async def text(self, *said: Any, **fields: Any) -> str:
        """A streamed answer's text."""
        return text_of(await self.events(*said, **fields))

    async def whole(self, *said: Any, **fields: Any) -> tuple[int, dict[str, Any]]:
        """Status and document of an answer without streaming."""
        answer = await self.send(*said, stream=False, **fields)
        return answer.status, json.loads(await answer.read_all())

    @property
    def sessions(self) -> list[str]:
        """Which process asked, by request: each has ids of its own, which it tells the API."""
        return [json.loads(asked.body["metadata"]["user_id"])["session_id"] for asked in self.endpoint.asked]

    @property
    def last(self) -> dict[str, Any]:
        """The body of the API request that arrived last."""
        return self.endpoint.asked[-1].body

    async def until_quiet(self) -> None:
        """Until no session is busy."""
        while self.transport.health().get("busy"):
            await asyncio.sleep(0.02)


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")


@asynccontextmanager
async def running_agent(**settings: Any) -> AsyncIterator[Agent]:
    async with AnthropicEndpoint() as endpoint:
        chosen = AgentSettings(**{"base_url": endpoint.url, "size": 2, **settings})
        transport = ClaudeAgentTransport(chosen, HTTPTransport(chosen.base_url, PoolSettings()))
        try:
            yield Agent(endpoint, transport)
        finally:
            await transport.close()
