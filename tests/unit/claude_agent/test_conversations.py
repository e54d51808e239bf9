"""A Messages conversation as turns that a session can be told, and its digests."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.failures import TurnRefused
from llmgateway.upstreams.claude_agent.conversation import Turn, digests, turns_of
from llmgateway.upstreams.claude_agent.fidelity import losses_of

TEXTS = st.text(min_size=1, max_size=5)


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def assistant(content: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": content}


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "system"]), TEXTS), min_size=1, max_size=8))
def test_turns_alternate_begin_and_end_with_the_user_and_lose_no_text(said: list[tuple[str, str]]) -> None:
    messages = [{"role": role, "content": text} for role, text in said] + [user("question")]
    turns = turns_of(messages)
    assert [turn.role for turn in turns] == ["user" if number % 2 == 0 else "assistant" for number in range(len(turns))]
    assert turns[-1].role == "user"
    told = "".join(block["text"] for turn in turns for block in turn.content)
    for _, text in said:
        assert text in told


def test_thinking_and_cache_breakpoints_are_left_out_and_named() -> None:
    marked = {"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}
    messages = [user([marked]), assistant([{"type": "thinking", "thinking": "h", "signature": "s"},
                {"type": "text", "text": "b", "citations": [{"type": "x"}]}]), user([marked])]  # fmt: skip
    assert [turn.content for turn in turns_of(messages)] == [
        [{"type": "text", "text": "a"}],
        [{"type": "text", "text": "b", "citations": [{"type": "x"}]}],
        [{"type": "text", "text": "a"}],
    ]
    document = {"messages": messages, "cache_control": {"type": "ephemeral"}, "system": [marked], "tools": [marked]}
    assert [loss.path for loss in losses_of(document)] == [
        "cache_control", "system[0].cache_control", "tools[0].cache_control", "messages[1].content[0]",
        "messages[1].content[1].citations", "messages[0].content[0].cache_control",
    ]  # fmt: skip


@pytest.mark.parametrize("broken", [None, [], "hi", [3], [{"role": "tool", "content": "x"}], [user(3)], [user([3])],
                                    [user("")], [user("a"), assistant("b")]])  # fmt: skip
def test_what_is_no_conversation_is_refused(broken: Any) -> None:
    with pytest.raises(TurnRefused):
        turns_of(broken)


def test_an_answer_that_the_client_tells_in_other_blocks_is_the_same_answer() -> None:
    one = turns_of([user("q"), assistant("ab"), user("r")])
    other = turns_of([user([{"type": "text", "text": "q"}]), assistant([{"type": "text", "text": "a"},
                     {"type": "text", "text": "b"}]), user("r")])  # fmt: skip
    assert digests(b"s", one) == digests(b"s", other)


@given(st.lists(TEXTS, min_size=1, max_size=6), st.data())
def test_conversations_that_differ_anywhere_have_other_digests(texts: list[str], data: st.DataObject) -> None:
    turns = [Turn("user" if number % 2 == 0 else "assistant", [{"type": "text", "text": text}])
             for number, text in enumerate(texts)]  # fmt: skip
    place = data.draw(st.integers(0, len(texts) - 1))
    changed = list(turns)
    changed[place] = Turn(turns[place].role, [{"type": "text", "text": texts[place] + "!"}])
    one, other = digests(b"s", turns), digests(b"s", changed)
    assert one[:place] == other[:place]
    assert all(a != b for a, b in zip(one[place:], other[place:], strict=True))
    assert digests(b"t", turns)[0] != one[0]
