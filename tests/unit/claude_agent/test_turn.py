"""How a turn reads what its process writes. `cat` is the process: what is written to it comes back."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from llmgateway.failures import TurnRefused
from llmgateway.upstreams.claude_agent.launcher import start
from llmgateway.upstreams.claude_agent.request import plan_of
from llmgateway.upstreams.claude_agent.session import Session, SessionEnded
from llmgateway.upstreams.claude_agent.turn import SessionTurn
from llmgateway.upstreams.port import UpstreamTimedOut

START = {"type": "message_start", "message": {"content": []}}
STOP = {"type": "message_stop"}
NULL_REASON = {"type": "message_delta", "delta": {"stop_reason": None}}
REASON = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
REQUEST = {"model": "claude-sonnet-4-6", "max_tokens": 5, "messages": [{"role": "user", "content": "q"}]}


@pytest.fixture
async def turn(tmp_path: Path) -> AsyncIterator[SessionTurn]:
    session = Session(await start(Path("/bin/cat"), (), dict(os.environ), tmp_path), tmp_path / "none")
    yield SessionTurn(session, plan_of(REQUEST, b"", deep=False), 2.0)
    session.kill()
    await session.ended()


async def echo(turn: SessionTurn, *events: dict[str, Any], **fields: Any) -> None:
    for event in events:
        await turn.session.write({"type": "stream_event", "event": event, **fields})


async def read_on(turn: SessionTurn, seen: list[bytes]) -> None:
    while more := await turn.events():
        seen.append(more)


async def test_an_answer_ends_with_its_stop_reason(turn: SessionTurn) -> None:
    await echo(turn, START, REASON)
    seen: list[bytes] = []
    await read_on(turn, seen)
    assert b"".join(seen).endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
    assert turn.stop_reason == "end_turn"


async def test_an_answer_without_a_stop_reason_has_no_ending_and_loses_no_text(turn: SessionTurn) -> None:
    text = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "half"}}
    await echo(turn, START, text, NULL_REASON, STOP)
    seen: list[bytes] = []
    with pytest.raises(TurnRefused, match="closed the connection"):
        await read_on(turn, seen)
    assert turn.stop_reason is None
    assert b"half" in b"".join(seen) and b"message_stop" not in b"".join(seen)


async def test_what_another_agent_inside_says_is_not_passed_on(turn: SessionTurn) -> None:
    await echo(turn, START, parent_tool_use_id="toolu_1")
    with pytest.raises(UpstreamTimedOut):
        await turn.events()


async def test_a_dead_process_is_told_as_such(turn: SessionTurn) -> None:
    turn.session.kill()
    with pytest.raises(SessionEnded):
        await turn.events()
