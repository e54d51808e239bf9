"""All policies together: their order, what they say, what they leave alone, and whatever comes in."""

from __future__ import annotations

import copy
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmgateway.events import Usage
from llmgateway.policies.apply import (
    SMALL_FIELDS,
    Applied,
    apply,
    changed_fields,
    counted,
    header_value,
    policy_of,
    should_count,
    untouched,
)
from llmgateway.policies.conversation import Dialect
from llmgateway.policies.empty_answers import continued
from llmgateway.policies.session_facts import SessionFacts, TurnOutcome, session_update
from llmgateway.policies.session_id import session_id
from llmgateway.policies.window import Window
from llmgateway.wire import json_codec
from llmgateway_api.policy import AgentLoop, Context, Policy, Trimming
from unit.policies.made_conversations import DIALECTS, DOCUMENTS, Turn, document, texts, turns, unpaired

SMALL = Window(4000, "detected")
EVERYTHING = Policy(
    trimming=Trimming(enabled=True),
    context=Context(prune="Always"),
    agent_loop=AgentLoop(force_tools=True, supplement="Use your tools."),
)
LONG: list[Turn] = [("user", 1, 40), *[("tools", 1, 800), ("assistant", 1, 300), ("user", 1, 60)] * 20]
ITEM = r"[a-z][a-z-]*(;[a-z-]+(=[a-z0-9]+)?)*"
QUICK = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def applied(made: Any, dialect: Dialect = "chat", policy: Policy | None = None, **more: Any) -> Applied:
    given_facts = more.pop("facts", SessionFacts())
    return apply(made, dialect, given_facts, policy or Policy(), **{"window": SMALL, "backend": "VLLM", **more})


def test_where_nothing_acts_the_document_is_the_same_one() -> None:
    made = document("chat", [("user", 1, 40)])
    found = applied(made)
    assert found.document is made and found.notes == () and header_value(found.notes) == b""


@pytest.mark.behaviour("W5")
def test_pruning_is_said_in_one_note() -> None:
    found = applied(document("chat", LONG))
    assert re.fullmatch(r"pruned;messages=\d+;tokens=\d+", found.notes[0])
    assert found.facts.pruned_messages > 0 and found.facts.tokens < found.facts.tokens_asked
    assert policy_of(found.notes[0]) == "pruned"


@pytest.mark.behaviour("W0")
def test_an_anthropic_request_passes_untouched_by_default() -> None:
    made = document("messages", LONG, tools=[{"name": "read"}])
    found = applied(made, "messages", backend="Anthropic")
    assert found.document is made and found.notes == ()


@pytest.mark.behaviour("W8")
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_supplement_ends_the_system_prompt_once(dialect: Dialect) -> None:
    policy = Policy(agent_loop=AgentLoop(supplement="Use your tools."))
    for system in ("", "Be brief."):
        found = applied(document(dialect, [("user", 1, 40)], system=system), dialect, policy)
        assert found.notes == ("supplement",)
        text = found.document["system"] if dialect == "messages" else found.document["messages"][0]["content"]
        assert text == "Be brief.\n\nUse your tools." if system else text == "Use your tools."
        assert applied(found.document, dialect, policy).notes == ()


@pytest.mark.behaviour("W8")
def test_the_supplement_joins_a_system_prompt_in_blocks() -> None:
    policy = Policy(agent_loop=AgentLoop(supplement="Use your tools."))
    system = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    found = applied({"system": system, "messages": []}, "messages", policy)
    assert found.document["system"] == [*system, {"type": "text", "text": "Use your tools."}]


@pytest.mark.behaviour("W3", "W8")
def test_the_limit_of_the_system_prompt_holds_with_the_supplement_in_it() -> None:
    found = applied(document("chat", [("user", 1, 40)], system="s" * 9000), policy=EVERYTHING)
    text = found.document["messages"][0]["content"]
    assert len(text) <= 6000 and text.endswith("Use your tools.")
    assert [policy_of(note) for note in found.notes] == ["supplement", "trimmed"]


@pytest.mark.behaviour("W9")
def test_forced_turns_are_counted_and_visible() -> None:
    tools = [{"type": "function", "function": {"name": "read"}}]
    made = document("chat", [("user", 1, 40), ("tools", 1, 40), ("tools", 1, 50)], tools=tools)
    found = applied(made, policy=Policy(agent_loop=AgentLoop(force_tools=True)))
    assert found.document["tool_choice"] == "required" and "tool-choice;set=required" in found.notes
    assert found.facts.forced == 3 and found.decision.act == "force"
    assert changed_fields(made, found.document) == {"tool_choice": "required"}


@pytest.mark.behaviour("W9")
def test_a_breaker_says_why_it_let_go() -> None:
    tools = [{"type": "function", "function": {"name": "read"}}]
    made = document("chat", [("user", 1, 40), *[("tools", 1, 400)] * 60], tools=tools)
    policy = Policy(agent_loop=AgentLoop(force_tools=True), context=Context(prune="Never"))
    found = applied(made, policy=policy)
    assert "tool-choice;released=window" in found.notes and "tool_choice" not in found.document


@pytest.mark.behaviour("W9")
def test_turns_that_were_trimmed_away_still_count() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turn = [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c", "content": "r" * 3000}]
    made = {"messages": [{"role": "user", "content": "go"}, *turn * 10], "tools": [{"type": "function"}]}
    found = applied(made, policy=EVERYTHING, window=Window(100_000, "spec"))
    assert len(found.document["messages"]) < 10
    assert "tool-choice;released=repeats" in found.notes


@pytest.mark.behaviour("W6")
def test_the_room_counts_what_pruning_left() -> None:
    found = applied(document("chat", LONG, max_tokens=100_000))
    assert found.document["max_tokens"] == max(1024, 4000 - found.facts.tokens - 600)
    assert found.notes[-1] == f"max-tokens;from=100000;to={found.document['max_tokens']}"


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_dry_run_only_reports(dialect: Dialect) -> None:
    made = document(dialect, LONG, tools=[{"name": "read"}])
    found = applied(made, dialect, EVERYTHING, dry_run=True)
    assert found.document is made
    assert [note + ";dry-run" for note in applied(made, dialect, EVERYTHING).notes] == list(found.notes)
    assert found.facts.pruned_messages == 0 and found.facts.forced == 0 and found.decision.act == "leave"
    assert found.facts.tokens == found.facts.tokens_asked


@pytest.mark.behaviour("W5")
def test_the_upstreams_own_count_is_believed() -> None:
    made = document("chat", LONG)
    ours = applied(made).facts.tokens_asked
    found = applied(made, facts=counted(made, "chat", SessionFacts(), ours * 2))
    assert found.facts.tokens_asked >= ours * 2
    assert found.facts.ratio.measured is not None
    assert should_count(10_000, SessionFacts(), Policy(), SMALL)
    assert not should_count(1000, SessionFacts(), Policy(), SMALL)
    assert not should_count(10_000, SessionFacts(facts={"measured_ratio": 3.5}), Policy(), SMALL)


@pytest.mark.behaviour("W5", "W7")
def test_a_session_that_learns_its_ratio_keeps_its_prefix() -> None:
    """The upstream counts about 4.2 bytes per token, a little different each time."""
    facts, before, changes = SessionFacts(), [], 0
    told: list[Turn] = [("user", 1, 200)]
    for number in range(100):
        told += [("tools", 1, 900), ("user", 1, 100)]
        found = applied(document("chat", told), facts=facts, window=Window(9000, "spec"))
        now = found.document["messages"]
        changes += now[: len(before)] != before
        before = now
        usage = Usage(input_tokens=int(found.facts.size / (4.2 + number % 5 / 20)))
        assert usage.input_tokens < 0.85 * 9000
        facts = facts.after(session_update(found.facts, TurnOutcome(usage=usage), facts))
    due = (facts.number("real_tokens") + facts.number("pruned_tokens") - 0.75 * 9000) / (0.1 * 9000)
    assert changes <= due + 2, "beside the prunes that are due, the ratio is learned once or twice"
    assert 0 < facts.counters["prunes"] <= changes + 1


@QUICK
@given(turns(), st.sampled_from(DIALECTS), st.integers(200, 9000), st.booleans())
def test_pairs_stay_together_and_nothing_is_changed_in_place(
    told: list[Turn], dialect: Dialect, window: int, dry_run: bool
) -> None:
    made = document(dialect, told, tools=[{"name": "read"}])
    before = copy.deepcopy(made)
    found = applied(made, dialect, EVERYTHING, window=Window(window, "spec"), dry_run=dry_run)
    assert made == before
    assert unpaired(dict(found.document)) == []
    assert found.document is not made or not found.notes or dry_run
    assert header_value(found.notes) == b"" or re.fullmatch(rf"{ITEM}(, {ITEM})*", header_value(found.notes).decode())


@QUICK
@given(turns(), st.sampled_from(DIALECTS), st.sampled_from([Policy(), EVERYTHING]), st.integers(1000, 9000))
def test_what_went_through_the_policies_goes_through_again_unchanged(
    told: list[Turn], dialect: Dialect, policy: Policy, window: int
) -> None:
    first = applied(document(dialect, told), dialect, policy, window=Window(window, "spec"))
    if any("over" in note for note in first.notes):
        return
    again = applied(first.document, dialect, policy, window=Window(window, "spec"))
    assert again.document == first.document


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(DOCUMENTS, st.sampled_from(DIALECTS), st.integers(1, 300), st.sampled_from(["VLLM", "OpenAI", "Ollama"]))
def test_no_document_makes_a_policy_fail(made: dict[str, Any], dialect: Dialect, window: int, backend: str) -> None:
    limits = Trimming(enabled=True, system_characters=5, assistant_characters=5, total_characters=20)
    for policy in (Policy(), EVERYTHING, EVERYTHING.model_copy(update={"trimming": limits})):
        found = applied(made, dialect, policy, window=Window(window, "spec"), backend=backend)
        assert isinstance(found.document.get("messages"), list) or found.document.get("messages") == made["messages"]
        continued(found.document, dialect)
    for client in ("chat", "messages", "responses"):
        session_id({}, made, client, "key")


@QUICK
@given(turns(), st.sampled_from(DIALECTS), st.integers(500, 40_000), st.sampled_from([None, 100, 20_000]))
def test_what_may_not_act_does_not_act(told: list[Turn], dialect: Dialect, window: int, asked: int | None) -> None:
    made = document(dialect, told, max_tokens=asked)
    size = Window(window, "spec")
    for policy in (Policy(), Policy(trimming=Trimming(enabled=True)), Policy(context=Context(prune="Always"))):
        facts = untouched(
            len(json_codec.encode(made)),
            policy,
            SessionFacts(),
            size,
            dialect=dialect,
            backend="VLLM",
            fields={name: made[name] for name in SMALL_FIELDS if name in made},
            model="m",
        )
        assert facts is None or applied(made, dialect, policy, window=size).notes == ()


def test_a_small_request_need_not_be_decoded() -> None:
    def act(bytes_: int, policy: Policy | None = None, facts: SessionFacts | None = None, **fields: Any) -> bool:
        found = untouched(
            bytes_, policy or Policy(), facts or SessionFacts(), Window(8000, "spec"),
            dialect="chat", backend="VLLM", fields=fields, model="m",
        )  # fmt: skip
        return found is None

    assert not act(10_000) and act(19_000)
    assert not act(10_000, max_tokens=2000) and act(10_000, max_tokens=6000)
    assert act(100, model="gpt-oss", max_tokens=2000)
    assert act(100, Policy(agent_loop=AgentLoop(supplement="x")))
    assert act(10_000, facts=SessionFacts(facts={"real_tokens": 5000})), "pictures: the session knows better"
    assert not act(19_000, Policy(context=Context(prune="Never")))


def test_an_unread_request_teaches_nothing() -> None:
    found = untouched(
        3000, Policy(), SessionFacts(), SMALL, dialect="messages", backend="Anthropic", fields={}, model="m"
    )
    assert found is not None and found.tokens == 1000
    update = session_update(found, TurnOutcome(usage=Usage(input_tokens=700)), SessionFacts())
    assert update.facts["measured_ratio"] is None and update.facts["real_tokens"] == 700


def test_texts_of_a_pruned_request_are_the_clients_own() -> None:
    made = document("chat", LONG)
    left = texts(dict(applied(made).document))
    assert all(str(message["content"]) in left for message in made["messages"][-8:])
