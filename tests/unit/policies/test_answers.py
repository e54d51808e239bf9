"""Answers with reasoning only, without anything, and answers that are to arrive as if they were typed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.events import (
    ReasoningDelta,
    ReasoningSignature,
    TextDelta,
    ToolCallStarted,
    TurnFailed,
    TurnFinished,
    Usage,
    UsageReported,
)
from llmgateway.failures import Failure
from llmgateway.fold import (
    Answer,
    ReasoningBlock,
    RedactedReasoningBlock,
    RefusalBlock,
    TextBlock,
    ToolCallBlock,
    fold,
)
from llmgateway.policies.empty_answers import NUDGE, continued, judge
from llmgateway.policies.pacing import schedule
from llmgateway.policies.reasoning_only import ReasoningShown, shown
from llmgateway_api.policy import EmptyAnswers, Pacing, ReasoningOnly
from llmgateway_api.scalars import Duration

STOP = TurnFinished("stop")
THOUGHT = [ReasoningDelta("I <b>think</b>\n\n"), ReasoningDelta("so."), ReasoningSignature("s")]


def passed(mode: Any, events: list[Any]) -> tuple[list[Any], bool]:
    policy = ReasoningShown(ReasoningOnly(mode=mode))
    return [each for event in events for each in policy.pass_on([event])], policy.acted


@pytest.mark.behaviour("W11")
def test_reasoning_is_not_shown_as_text_by_default() -> None:
    events = [*THOUGHT, STOP]
    assert ReasoningShown(ReasoningOnly()).pass_on(events) is events


@pytest.mark.behaviour("W11")
def test_an_answer_of_reasoning_alone_is_shown_before_its_end() -> None:
    events, acted = passed("Visible", [*THOUGHT, UsageReported(Usage()), STOP])
    assert events[-2:] == [TextDelta("I <b>think</b>\n\nso."), STOP] and acted
    assert fold(events).blocks[-1] == TextBlock("I <b>think</b>\n\nso.")


@pytest.mark.behaviour("W11")
def test_sanitized_has_no_tags_folded_space_and_a_limit() -> None:
    events, _ = passed("Sanitized", [*THOUGHT, STOP])
    assert events[-2] == TextDelta("I think so.")
    assert len(shown("word " * 500, ReasoningOnly(mode="Sanitized"))) <= 240


@pytest.mark.behaviour("W11")
@pytest.mark.parametrize("more", [TextDelta("Hi"), ToolCallStarted(0, "c", "f")])
def test_an_answer_with_more_than_reasoning_stays_as_it_is(more: Any) -> None:
    events = [*THOUGHT, more, STOP]
    assert passed("Visible", events) == (events, False)
    assert passed("Visible", [more, *THOUGHT, STOP]) == ([more, *THOUGHT, STOP], False)


@pytest.mark.behaviour("W11")
def test_a_failed_turn_and_a_refusal_show_nothing() -> None:
    failed = TurnFailed(Failure(kind="internal", message="x"))
    assert passed("Visible", [*THOUGHT, failed]) == ([*THOUGHT, failed], False)
    refused = TurnFinished("refusal")
    assert passed("Visible", [*THOUGHT, refused]) == ([*THOUGHT, refused], False)
    assert passed("Visible", [STOP]) == ([STOP], False)


@pytest.mark.behaviour("W11")
@given(st.text(max_size=600), st.integers(1, 300))
def test_sanitized_text_holds_its_limits(reasoning: str, limit: int) -> None:
    text = shown(reasoning, ReasoningOnly(mode="Sanitized", max_characters=limit))
    assert len(text) <= limit
    assert text == " ".join(text.split())


def answer(*blocks: Any, reason: Any = "stop", thought_tokens: int = 0) -> Answer:
    return Answer(list(blocks), finish=TurnFinished(reason), usage=Usage(reasoning_tokens=thought_tokens))


def verdict(found: Answer, tried: int = 0, room: int | None = None) -> str:
    return judge(found, EmptyAnswers(), continued=tried, room=room)


@pytest.mark.behaviour("H4")
def test_an_empty_answer_is_continued_three_times() -> None:
    assert [verdict(answer(), tried) for tried in range(5)] == ["continue", "continue", "continue", "empty", "empty"]
    assert verdict(answer(TextBlock(" \n"))) == "continue"
    assert verdict(answer(reason="length")) == "continue"
    assert judge(answer(), EmptyAnswers(attempts=0), continued=0) == "empty"


@pytest.mark.behaviour("H4")
@pytest.mark.parametrize(
    "found",
    [
        answer(ReasoningBlock("hm"), reason="length"),
        answer(ReasoningBlock("", "signed"), reason="length"),
        answer(RedactedReasoningBlock("x"), reason="length"),
        answer(reason="length", thought_tokens=900),
    ],
)
def test_thinking_used_up_the_budget_only_where_it_was_produced(found: Answer) -> None:
    assert verdict(found) == "thought_only"


@pytest.mark.behaviour("H4")
@pytest.mark.parametrize(
    "found",
    [
        answer(TextBlock("hi")),
        answer(ToolCallBlock(0, "c", "f")),
        answer(RefusalBlock("no")),
        answer(reason="refusal"),
        answer(reason="pause"),
        answer(reason="context_window"),
        answer(ReasoningBlock("hm")),
        answer(TextBlock("hi"), ReasoningBlock("hm"), reason="length"),
        Answer([], failure=Failure(kind="internal", message="x")),
        Answer([]),
    ],
)
def test_every_other_answer_is_fine(found: Answer) -> None:
    assert verdict(found) == "fine"


@pytest.mark.behaviour("H4")
def test_a_client_that_asks_for_nothing_gets_nothing() -> None:
    assert verdict(answer(reason="length"), room=1) == "fine"
    assert verdict(answer(reason="length"), room=0) == "fine"


@pytest.mark.behaviour("H4")
def test_a_continuation_asks_for_more() -> None:
    asked = {"messages": [{"role": "user", "content": "hi"}]}
    assert continued(asked, "chat") == {"messages": [{"role": "user", "content": f"hi\n\n{NUDGE}"}]}
    assert continued(asked, "messages")["messages"][1:] == [{"role": "user", "content": NUDGE}]
    result = {"role": "tool", "tool_call_id": "c", "content": "r"}
    assert continued({"messages": [result]}, "chat")["messages"] == [result, {"role": "user", "content": NUDGE}]
    parts = {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}
    assert len(continued(parts, "chat")["messages"][0]["content"]) == 2
    assert asked == {"messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.behaviour("C2")
def test_a_whole_message_arrives_in_pieces_of_two_to_three_words() -> None:
    text = "The quick brown fox jumps over\n\nthe lazy dog, twice or more."
    pieces = list(schedule(text, Pacing(words=3)))
    assert [len(piece.text.split()) for piece in pieces] == [3, 2, 3, 2, 2]
    assert pieces[0].delay == 0
    assert all(0.025 <= piece.delay <= 0.060 for piece in pieces[1:])


@pytest.mark.behaviour("C2")
def test_pacing_is_off_by_default() -> None:
    assert [piece.text for piece in schedule("a b c d e", Pacing())] == ["a b c d e"]


@pytest.mark.behaviour("C2")
@given(st.text(max_size=300), st.integers(0, 5))
def test_no_character_is_lost_or_moved(text: str, words: int) -> None:
    pacing = Pacing(words=words, min_delay=Duration("10ms"), max_delay=Duration("90ms"))
    pieces = list(schedule(text, pacing))
    assert "".join(piece.text for piece in pieces) == text
    assert all(piece.text and piece.delay <= 0.0901 for piece in pieces)
    assert all(len(piece.text.split()) <= words for piece in pieces) or words == 0
    assert pieces == list(schedule(text, pacing))
