"""Agents that are held to their tools, and let go before they run in circles."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.events import TurnFinished
from llmgateway.failures import Failure
from llmgateway.fold import Answer, RefusalBlock, TextBlock, ToolCallBlock
from llmgateway.policies.agent_loop import Decision, decide, forced, may_force, release_reason, retry_due
from llmgateway.policies.conversation import Dialect, read
from llmgateway.policies.tool_turns import Loop, loop_of
from llmgateway_api.policy import AgentLoop

ON = AgentLoop(force_tools=True)
TOOLS = [{"type": "function", "function": {"name": "f"}}]
FORCE = Decision("force")


def called(name: str, arguments: str, result: str) -> list[dict[str, Any]]:
    call = {"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}
    return [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": result},
    ]


def used(name: str, result: str, *, is_error: bool = False) -> list[dict[str, Any]]:
    use = {"type": "tool_use", "id": "c", "name": name, "input": {}}
    block = {"type": "tool_result", "tool_use_id": "c", "content": result, "is_error": is_error}
    return [{"role": "assistant", "content": [use]}, {"role": "user", "content": [block]}]


def loop(turns: list[dict[str, Any]], dialect: Dialect = "chat") -> Loop:
    return loop_of(read({"messages": [{"role": "user", "content": "go"}, *turns]}, dialect), ON.window)


def decided(found: Loop, *, utilisation: float = 0.1, **fields: Any) -> Decision:
    return decide({"tools": TOOLS, **fields}, "chat", found, ON, forced=found.turns, utilisation=utilisation)


@pytest.mark.behaviour("W9")
def test_it_is_off_by_default() -> None:
    found = loop(called("f", "{}", "r"))
    assert decide({"tools": TOOLS}, "chat", found, AgentLoop(), forced=0, utilisation=0).act == "leave"


@pytest.mark.behaviour("W9")
def test_a_loop_runs_while_results_are_there_or_the_last_turn_was_text_only() -> None:
    assert decided(loop([])).act == "leave"
    assert decided(loop(called("f", "{}", "r"))).act == "force"
    assert (
        decided(loop([{"role": "assistant", "content": "I will."}, {"role": "user", "content": "do"}])).act == "force"
    )


@pytest.mark.behaviour("W9")
@pytest.mark.parametrize("choice", ["auto", "none", "required", {"type": "function", "function": {"name": "f"}}])
def test_the_clients_own_choice_wins(choice: Any) -> None:
    assert decided(loop(called("f", "{}", "r")), tool_choice=choice).act == "leave"


@pytest.mark.behaviour("W9")
def test_without_tools_nothing_is_forced() -> None:
    found = loop(called("f", "{}", "r"))
    assert decide({}, "chat", found, ON, forced=0, utilisation=0).act == "leave"


@pytest.mark.behaviour("W9")
def test_the_same_tools_eight_times_in_a_row_without_progress_end_it() -> None:
    assert decided(loop(called("f", "{}", "same") * 7)).act == "force"
    assert decided(loop(called("f", "{}", "same") * 8)) == Decision("release", "repeats")


@pytest.mark.behaviour("W9")
def test_progress_keeps_it_going() -> None:
    turns = [message for number in range(8) for message in called("f", f'{{"n":{number}}}', f"r{number}")]
    assert decided(loop(turns)).act == "force"
    assert decided(loop(turns + called("f", "{}", "same") * 3)).act == "force"
    assert decided(loop(turns + called("f", "{}", "same") * 5)) == Decision("release", "repeats")


@pytest.mark.behaviour("W9")
def test_a_cycle_of_tools_is_a_repeat_as_well() -> None:
    found = loop((called("f", "{}", "a") + called("g", "{}", "b")) * 5)
    assert found.repeats >= 8 and found.idle == 8
    assert decided(found) == Decision("release", "repeats")


@pytest.mark.behaviour("W9")
def test_fifteen_forced_turns_without_progress_end_it() -> None:
    turns = [message for number in range(11) for message in called(f"f{number}", "{}", f"r{number}")]
    assert decided(loop(turns)).act == "force"
    failing = [message for number in range(4) for message in called(f"g{number}", "{}", "Error: no")]
    assert decided(loop(turns + failing[:6])).act == "force"
    assert decided(loop(turns + failing)) == Decision("release", "forced")


@pytest.mark.behaviour("W9")
def test_a_full_window_ends_it() -> None:
    found = loop(called("f", "{}", "r"))
    assert decided(found, utilisation=0.9).act == "force"
    assert decided(found, utilisation=0.91) == Decision("release", "window")


@pytest.mark.behaviour("W9")
def test_errors_are_no_progress_in_messages_documents() -> None:
    turns = [message for number in range(3) for message in used(f"f{number}", f"r{number}", is_error=True)]
    assert loop(turns, "messages").idle == 3
    assert loop([*turns, *used("f9", "fine")], "messages").idle == 0


@pytest.mark.behaviour("W9")
def test_forcing_says_required_in_the_upstreams_words() -> None:
    assert forced({"tools": TOOLS}, "chat")["tool_choice"] == "required"
    assert forced({"tools": TOOLS}, "messages")["tool_choice"] == {"type": "any"}


@pytest.mark.behaviour("W9", "W0")
def test_claude_is_not_forced_while_it_thinks() -> None:
    assert not may_force({"model": "claude-opus-5-5", "tools": TOOLS}, "messages")
    assert not may_force({"model": "claude-opus-4-5", "tools": TOOLS, "thinking": {"type": "enabled"}}, "messages")
    assert may_force({"model": "claude-opus-4-5", "tools": TOOLS}, "messages")
    assert may_force({"model": "claude-opus-5", "tools": TOOLS, "thinking": {"type": "disabled"}}, "messages")


@pytest.mark.behaviour("W9")
@given(
    st.builds(Loop, active=st.just(True), turns=st.integers(0, 40), repeats=st.integers(0, 40), idle=st.integers(0, 3))
)
def test_no_breaker_lets_go_while_there_is_progress(found: Loop) -> None:
    assert release_reason(found, ON, forced=99, utilisation=0.9) is None


def ended(*blocks: Any, reason: Any = "stop") -> Answer:
    return Answer(list(blocks), finish=TurnFinished(reason))


@pytest.mark.behaviour("W10")
def test_a_forced_turn_that_ends_without_a_tool_gets_one_more_try() -> None:
    assert retry_due(ended(TextBlock("done")), FORCE, ON)
    assert retry_due(ended(), FORCE, ON)
    assert not retry_due(ended(TextBlock("done")), FORCE, ON, retried=True)


@pytest.mark.behaviour("W10")
def test_nothing_is_tried_again_once_the_client_saw_something() -> None:
    assert not retry_due(ended(TextBlock("done")), FORCE, ON, sent=True)


@pytest.mark.behaviour("W10")
@pytest.mark.parametrize(
    "answer",
    [
        ended(ToolCallBlock(0, "c", "f", "{}"), reason="tool_calls"),
        ended(ToolCallBlock(0, "c", "f", "{}")),
        ended(TextBlock("cut"), reason="length"),
        ended(RefusalBlock("no")),
        ended(TextBlock("x"), reason="refusal"),
        Answer([], failure=Failure(kind="overloaded", message="busy")),
        Answer([]),
    ],
)
def test_an_answer_that_is_one_is_not_asked_for_again(answer: Answer) -> None:
    assert not retry_due(answer, FORCE, ON)


@pytest.mark.behaviour("W10")
def test_only_what_the_policy_forced_is_asked_for_again() -> None:
    assert not retry_due(ended(TextBlock("done")), Decision(), ON)
    assert not retry_due(ended(TextBlock("done")), Decision("release", "repeats"), ON)
    off = AgentLoop(force_tools=True, guardrail_retry=False)
    assert not retry_due(ended(TextBlock("done")), FORCE, off)
