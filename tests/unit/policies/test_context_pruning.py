"""Conversations that outgrow their window: what goes, what stays, and how long the prefix stays the same."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from llmgateway.policies.context_pruning import prune
from llmgateway.policies.conversation import Dialect, read
from llmgateway_api.policy import Context
from unit.policies.made_conversations import DIALECTS, Turn, document, texts, thinking_blocks, turns, unpaired

ALWAYS = Context(prune="Always")
RATIO = 3.0
pytestmark = pytest.mark.behaviour("W5")


def pruned(made: dict[str, Any], dialect: Dialect, window: int, context: Context = ALWAYS) -> Any:
    return prune(made, read(made, dialect), context, window, RATIO)


def tight(made: dict[str, Any], dialect: Dialect, share: float) -> int:
    """A window that holds only this share of the conversation."""
    return max(1, int(read(made, dialect).size / RATIO * share))


SHARES = st.floats(0.1, 1.3)
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def long_chat(count: int = 20, length: int = 600) -> dict[str, Any]:
    return document(
        "chat", [("user", 1, 40), *[("tools", 1, length), ("assistant", 1, length), ("user", 1, 60)] * count]
    )


def test_below_the_share_nothing_changes() -> None:
    made = long_chat()
    size = read(made, "chat").size
    assert pruned(made, "chat", int(size / 3 / 0.75) + 2) is None
    assert pruned(made, "chat", int(size / 3 / 0.75) - 2) is not None


def test_it_prunes_to_the_goal_and_says_how_much_went() -> None:
    made = long_chat()
    window = int(read(made, "chat").size / 3 / 0.76)
    found = pruned(made, "chat", window)
    left = read(found.document, "chat").size / 3
    assert 0.6 * window < left <= 0.65 * window
    assert found.messages == len(made["messages"]) - len(found.document["messages"]) > 0
    assert f"[{found.messages} earlier messages were left out here (about " in texts(found.document)
    assert texts(found.document).count("left out") == 1


def test_tool_results_go_before_assistant_text_and_that_before_user_messages() -> None:
    made = long_chat()
    window = int(read(made, "chat").size / 3)
    kinds = []
    for share in (0.7, 0.45, 0.2):
        found = pruned(made, "chat", window, Context(prune_at=share, prune_to=share - 0.02, keep_last=8))
        old = texts(found.document)[:-2500]
        kinds.append((old.count("tools"), old.count("'assistant"), old.count("user")))
    assert kinds[0][0] < kinds[0][1]  # many tool units gone, all assistant texts there
    assert [kind[0] for kind in kinds] == sorted((kind[0] for kind in kinds), reverse=True)
    first = pruned(made, "chat", window, Context(prune_at=0.7, prune_to=0.68))
    assert texts(first.document).count("assistant") > 20
    assert all(f"user{3 * number} " in texts(first.document) for number in range(1, 20))


def test_system_first_user_message_and_the_last_eight_stay() -> None:
    made = long_chat()
    found = pruned(made, "chat", 900)
    assert found.document["messages"][0] is made["messages"][0]
    assert found.document["messages"][1]["content"].startswith("user0 ")
    kept = [message.get("content") for message in found.document["messages"][-8:]]
    assert [text if text is None else text[:9] for text in kept] == [
        message["content"] if message["content"] is None else message["content"][:9]
        for message in made["messages"][-8:]
    ]


def test_long_tool_results_are_cut_when_the_rest_is_still_too_large() -> None:
    made = document("chat", [("user", 1, 40), ("tools", 1, 9000), ("tools", 1, 9000), ("user", 1, 40)])
    found = pruned(made, "chat", 3000)
    results = [message["content"] for message in found.document["messages"] if message["role"] == "tool"]
    assert found.results == 2 and found.messages == 0
    for text in results:
        head, _, tail = text.partition("\n[... 7500 characters left out ...]\n")
        assert (len(head), len(tail)) == (1000, 500)
    assert "earlier" not in texts(found.document)


def test_results_in_parts_are_cut_as_well_and_pictures_stay() -> None:
    picture = {"type": "image", "source": {"type": "base64", "data": "A" * 90_000}}
    result = {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "y" * 9000}, picture]}
    use = {"type": "tool_use", "id": "a", "name": "read", "input": {}}
    messages = [
        {"role": "user", "content": "look"},
        {"role": "assistant", "content": [use]},
        {"role": "user", "content": [result]},
        {"role": "user", "content": "well?"},
    ]
    found = pruned({"messages": messages}, "messages", 4000)
    text, kept = found.document["messages"][2]["content"][0]["content"]
    assert kept is picture
    assert len(text["text"]) < 2000


@pytest.mark.parametrize("dialect", DIALECTS)
@QUICK
@given(turns(), SHARES, st.integers(0, 12))
def test_pairs_stay_together_whatever_is_cut(dialect: Dialect, told: list[Turn], share: float, keep: int) -> None:
    made = document(dialect, told)
    window = tight(made, dialect, share)
    assert unpaired(made) == []
    found = pruned(made, dialect, window, Context(prune="Always", keep_last=keep))
    assume(found is not None)
    assert unpaired(found.document) == []
    left = texts(found.document)
    assert "user0 " in left
    kept = made["messages"][len(made["messages"]) - keep :]
    assert all(message["role"] != "user" or str(message["content"])[:12] in left for message in kept)


@QUICK
@given(turns(), SHARES)
def test_what_is_too_large_even_so_is_said_and_all_else_fits(told: list[Turn], share: float) -> None:
    made = document("chat", told)
    window = tight(made, "chat", share)
    found = pruned(made, "chat", window)
    assume(found is not None)
    size = read(found.document, "chat").size
    assert size <= found.tokens_left * RATIO + 1  # the estimate of what is left is never low
    assert found.over or size <= 0.75 * window * RATIO or told[-1][0] == "assistant"


@QUICK
@given(turns(), SHARES)
def test_what_was_pruned_is_not_pruned_again(told: list[Turn], share: float) -> None:
    made = document("chat", told)
    window = tight(made, "chat", share)
    found = pruned(made, "chat", window)
    assume(found is not None and not found.over)
    assert pruned(found.document, "chat", window) is None


@pytest.mark.parametrize("dialect", DIALECTS)
@QUICK
@given(turns(800), st.integers(600, 6000))
def test_every_beginning_of_a_conversation_was_pruned_the_same_way(
    dialect: Dialect, told: list[Turn], window: int
) -> None:
    """Once gone, always gone: a longer conversation never brings a message back."""
    gone: set[str] = set()
    for end in range(1, len(told) + 1):
        made = document(dialect, told[:end])
        found = pruned(made, dialect, window)
        left = texts(found.document if found else made)
        now = {f"{kind}{number} " for number, (kind, _, _) in enumerate(told[:end]) if f"{kind}{number} " not in left}
        assert gone <= now
        gone = now


def prefix_changes(dialect: Dialect, told: list[Turn], window: int) -> tuple[int, int]:
    """How often a growing conversation's next request did not begin with all of the one before, and its requests."""
    before: list[Any] = []
    changes = requests = 0
    for end in range(1, len(told) + 1):
        if told[end - 1][0] == "assistant":
            continue  # nobody asks for an answer after an answer
        made = document(dialect, told[:end])
        found = pruned(made, dialect, window)
        now = (found.document if found else made)["messages"]
        changes += now[: len(before)] != before
        before = now
        requests += 1
    return changes, requests


def test_the_prefix_changes_only_when_a_prune_is_due() -> None:
    told: list[Turn] = [("user", 1, 200)]
    for _ in range(100):
        told += [("tools", 2, 700), ("tools", 1, 1500), ("assistant", 1, 300), ("user", 1, 200)]
    changes, requests = prefix_changes("chat", told, 16_000)
    size = read(document("chat", told), "chat").size
    least = (size / RATIO - 0.75 * 16_000) / (0.10 * 16_000)  # each prune makes room for a tenth of the window
    assert requests == 301
    assert changes <= least * 1.3
    assert changes / requests < 0.25


def test_a_messages_prefix_changes_rarely_as_well() -> None:
    told: list[Turn] = [("user", 1, 200)]
    for _ in range(100):
        told += [("tools", 1, 500), ("assistant", 1, 300), ("user", 1, 200)]
    changes, requests = prefix_changes("messages", told, 8_000)
    assert changes / requests < 0.2


@pytest.mark.behaviour("W0")
def test_anthropic_upstreams_are_left_alone_unless_asked() -> None:
    made = document("messages", [("user", 1, 40), *[("tools", 1, 900), ("user", 1, 60)] * 20])
    assert pruned(made, "messages", 500, Context()) is None
    assert pruned(made, "messages", 500, Context(prune="Never")) is None
    assert pruned(made, "messages", 500) is not None


@pytest.mark.behaviour("W0")
@QUICK
@given(turns(), SHARES)
def test_anthropic_conversations_are_cut_at_user_turns_only(told: list[Turn], share: float) -> None:
    made = document("messages", told)
    window = tight(made, "messages", share)
    found = pruned(made, "messages", window)
    assume(found is not None and found.messages > 0)
    left = texts(found.document)
    gone = [number for number, (kind, _, _) in enumerate(told) if f"{kind}{number} " not in left]
    assert gone == list(range(gone[0], gone[-1] + 1))
    assert gone[0] == 1 or told[gone[0]][0] == "user"
    assert told[gone[-1] + 1][0] == "user"  # what follows the gap begins with the user
    assert thinking_blocks(found.document) == 0


@pytest.mark.behaviour("W0")
def test_an_open_tool_loop_is_never_cut() -> None:
    told: list[Turn] = [("user", 1, 40), ("assistant", 1, 40), ("user", 1, 40), *[("tools", 1, 900)] * 20]
    made = document("messages", told)
    assert pruned(made, "messages", 4000) is None
    assert pruned(document("chat", told), "chat", 4000) is not None


@pytest.mark.behaviour("W0")
def test_models_whose_thinking_is_not_bound_to_its_prefix_keep_all_of_it() -> None:
    told: list[Turn] = [("user", 1, 40), *[("assistant", 1, 900), ("user", 1, 60)] * 20]
    made = document("messages", told, thinking={"type": "enabled", "budget_tokens": 2000})
    found = pruned(made, "messages", 4000)
    assert thinking_blocks(found.document) == 20 - sum(
        f"assistant{number} " not in texts(found.document) for number in range(1, 41, 2)
    )
    assert thinking_blocks(found.document) > 0


def test_user_messages_that_a_gap_made_neighbours_become_one_in_chat() -> None:
    made = long_chat()
    found = pruned(made, "chat", 2500)
    roles = [message["role"] for message in found.document["messages"]]
    assert ("user", "user") not in set(pairwise(roles))


def test_a_conversation_that_begins_with_the_assistant_gets_a_marker_of_its_own() -> None:
    told: list[Turn] = [("assistant", 1, 900) for _ in range(12)]
    made = document("chat", [*told, ("user", 1, 40), *[("tools", 1, 100)] * 6])
    found = pruned(made, "chat", 1500)
    assert found.document["messages"][1]["role"] == "user"
    assert "left out here" in found.document["messages"][1]["content"]


def test_ids_that_come_again_pair_with_the_latest_call() -> None:
    call = {"id": "call_0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    one = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_0", "content": "r" * 300},
        {"role": "user", "content": "next"},
    ]
    made = {"messages": [{"role": "user", "content": "go"}, *one * 20]}
    assert len(read(made, "chat").units) == 41
    found = pruned(made, "chat", 1500)
    roles = [message["role"] for message in found.document["messages"]]
    assert roles.count("tool") == roles.count("assistant")


def test_what_the_user_says_between_a_call_and_its_result_stays_with_them() -> None:
    calls = [{"id": each, "type": "function", "function": {"name": "f", "arguments": "{}"}} for each in ("a", "b")]
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "b", "content": "r"},
        {"role": "user", "content": "hurry"},
        {"role": "tool", "tool_call_id": "a", "content": "r"},
        {"role": "user", "content": "and now?"},
    ]
    assert [(unit.start, unit.end) for unit in read({"messages": messages}, "chat").units] == [(0, 1), (1, 5), (5, 6)]


def test_a_result_without_its_call_stays_with_what_it_follows() -> None:
    user = {"role": "user", "content": "go"}
    messages = [user, {"role": "assistant", "content": "x"}, {"role": "tool", "content": "r"}]
    assert [(unit.start, unit.end) for unit in read({"messages": messages}, "chat").units] == [(0, 1), (1, 3)]
    again = {"role": "tool", "tool_call_id": "a", "content": "r"}
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    twice = [{"role": "assistant", "tool_calls": [call]}, again, user, user, again]
    assert [(unit.start, unit.end) for unit in read({"messages": twice}, "chat").units] == [(0, 2), (2, 3), (3, 5)]
    late = [{"role": "user", "content": "go"}, {"role": "system", "content": "now"}]
    assert len(read({"messages": late}, "messages").units) == 1
