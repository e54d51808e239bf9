"""One agent per test module: starting a session costs half a second of a core."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from contract.claude_agent.agent import Agent, running_agent
from contract.claude_agent.anthropic_endpoint import quotes


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_agent() -> AsyncIterator[Agent]:
    async with running_agent(size=3) as agent:
        yield agent


@pytest.fixture
def agent(module_agent: Agent) -> Agent:
    module_agent.endpoint.brain = quotes
    module_agent.endpoint.asked.clear()
    return module_agent
