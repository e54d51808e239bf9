"""Requests for upstreams behind a web application firewall."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmgateway.policies.conversation import Dialect, read
from llmgateway.policies.trimming import LEFT_OUT, trim
from llmgateway_api.policy import Trimming
from unit.policies.made_conversations import DIALECTS, Turn, document, texts, thinking_blocks, turns, unpaired

ON = Trimming(enabled=True)
pytestmark = pytest.mark.behaviour("W3")


def trimmed(made: dict[str, Any], dialect: Dialect, limits: Trimming = ON) -> Any:
    return trim(made, read(made, dialect), limits)


def test_it_is_off_by_default() -> None:
    made = document("chat", [("user", 1, 50_000)])
    assert trimmed(made, "chat", Trimming()) is None


def test_a_small_request_stays_the_same() -> None:
    assert trimmed(document("chat", [("user", 1, 900)]), "chat") is None


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_long_system_prompt_keeps_its_head_and_its_tail(dialect: Dialect) -> None:
    system = "h" * 10_000 + "t" * 10_000
    found = trimmed(document(dialect, [("user", 1, 40)], system=system), dialect)
    left = found.document["system"] if dialect == "messages" else found.document["messages"][0]["content"]
    assert len(left) <= 6000
    assert left.count("h") > 4100 and left.count("t") > 1750
    assert left.startswith("hh") and left.endswith("tt") and "characters left out" in left
    assert found.system == 20_000 - len(left)


def test_a_system_prompt_in_blocks_is_cut_as_one_text() -> None:
    blocks = [{"type": "text", "text": letter * 3000} for letter in "abcd"]
    blocks[3]["cache_control"] = {"type": "ephemeral"}  # type: ignore[assignment]
    made = {"system": blocks, "messages": [{"role": "user", "content": "hi"}]}
    left = trimmed(made, "messages").document["system"]
    assert sum(len(block["text"]) for block in left) <= 6000
    assert left[0] is blocks[0] and left[-1]["cache_control"] == {"type": "ephemeral"}
    assert [block["text"][0] for block in left] == ["a", "b", "d"]


def test_long_assistant_messages_keep_their_head() -> None:
    made = document("chat", [("user", 1, 40), ("assistant", 1, 5000), ("user", 1, 40)])
    found = trimmed(made, "chat")
    text = found.document["messages"][2]["content"]
    assert len(text) <= 1500 and text.startswith("assistant1 ")
    assert found.assistant == 5000 - len(text)


def test_the_window_slides_over_the_oldest() -> None:
    made = document("chat", [("user", 1, 1000), ("assistant", 1, 1000)] * 10 + [("user", 1, 1000)])
    found = trimmed(made, "chat")
    assert found.messages == 10  # 21 of 1000 characters: the newest 11 fit
    assert found.document["messages"][1:] == made["messages"][11:]


def test_a_window_that_begins_with_an_assistant_gets_a_user_message_in_front() -> None:
    made = document("chat", [("user", 1, 40), *[("tools", 1, 3000)] * 10])
    found = trimmed(made, "chat")
    assert found.document["messages"][1] == {"role": "user", "content": LEFT_OUT}
    assert found.document["messages"][2]["role"] == "assistant"


def test_the_newest_stays_even_where_it_is_longer_than_the_window() -> None:
    found = trimmed(document("chat", [("user", 1, 40), ("assistant", 1, 40), ("user", 1, 20_000)]), "chat")
    assert "user2 " in texts(found.document) and found.over == 8000


@pytest.mark.behaviour("W0")
def test_signed_thinking_goes_where_something_before_it_was_cut() -> None:
    made = document("messages", [("user", 1, 40), ("assistant", 1, 5000), ("user", 1, 40)])
    assert thinking_blocks(made) == 1
    assert thinking_blocks(trimmed(made, "messages").document) == 0


@pytest.mark.parametrize("dialect", DIALECTS)
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(turns(), st.integers(0, 9000), st.integers(200, 12000), st.integers(100, 2000))
def test_limits_hold_and_pairs_stay_together(
    dialect: Dialect, told: list[Turn], system: int, total: int, assistant: int
) -> None:
    limits = Trimming(enabled=True, total_characters=total, assistant_characters=assistant)
    made = document(dialect, told, system="s" * system)
    found = trimmed(made, dialect, limits)
    if found is None:
        return
    assert unpaired(found.document) == []
    rest = found.document["messages"][dialect == "chat" and system > 0 :]
    written = sum(len(message["content"]) for message in rest if isinstance(message["content"], str))
    assert found.over or written <= total
    for message in rest:
        if message["role"] == "assistant" and isinstance(message["content"], str):
            assert len(message["content"]) <= assistant
    assert made == document(dialect, told, system="s" * system), "the given document was changed"
    again = trimmed(found.document, dialect, limits)
    assert again is None or found.over
