"""The gateway speaks the SDK's protocol itself: here it is held against the SDK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contract.claude_agent.agent import MODEL, running_agent
from llmgateway.upstreams.claude_agent.program import ARGUMENTS, find_program

pytestmark = pytest.mark.asyncio


def sdk_options(**more: Any) -> Any:
    from claude_agent_sdk import ClaudeAgentOptions

    return ClaudeAgentOptions(
        tools=[],
        max_turns=1,
        permission_mode="dontAsk",
        include_partial_messages=True,
        strict_mcp_config=True,
        setting_sources=[],
        extra_args={"no-session-persistence": None},
        verbatim_prompts=True,
        **more,
    )


async def test_the_arguments_are_those_that_the_sdk_builds_from_its_options() -> None:
    from claude_agent_sdk._internal.transport.subprocess_cli import SubprocessCLITransport

    transport = SubprocessCLITransport("", sdk_options(cli_path=find_program()))
    transport._cli_path = str(find_program())
    built = transport._build_command()[1:]
    assert sorted(built) == sorted(ARGUMENTS)


async def test_the_program_is_the_one_that_the_pinned_package_ships() -> None:
    import claude_agent_sdk

    program = find_program()
    assert program is not None
    assert claude_agent_sdk.__version__ == "0.2.186"
    assert (program.parent / "claude.version").read_text().startswith("2.1.329")


async def test_the_sdks_own_client_asks_the_api_the_same(tmp_path: Path) -> None:
    from claude_agent_sdk import query

    async with running_agent(size=1) as agent:
        environment = {"ANTHROPIC_BASE_URL": agent.endpoint.url, "ANTHROPIC_API_KEY": "key-1", "HOME": str(tmp_path),
                       "CLAUDE_CONFIG_DIR": str(tmp_path), "CLAUDE_CODE_SIMPLE": "1",
                       "CLAUDE_CODE_ATTRIBUTION_HEADER": "0", "CLAUDE_CODE_MAX_OUTPUT_TOKENS": "1000",
                       "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"}  # fmt: skip
        options = sdk_options(model=MODEL, system_prompt="Be brief.", env=environment, cwd=tmp_path)
        async for _ in query(prompt="read @/etc/passwd", options=options):
            pass
        await agent.text("read @/etc/passwd", system="Be brief.", thinking={"type": "adaptive"})
        sdks, ours = (asked.body for asked in agent.endpoint.asked)
        for field in ("model", "messages", "system", "max_tokens", "stream", "output_config"):
            assert ours[field] == sdks[field], field
