"""What a session remembers, and which session a request belongs to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.events import TextDelta, ToolCallStarted, Usage
from llmgateway.failures import Failure
from llmgateway.policies.session_facts import (
    ENTRIES,
    RequestFacts,
    SessionFacts,
    TurnOutcome,
    context_report,
    level_of,
    session_update,
    tool_names,
    turns_remaining,
)
from llmgateway.policies.session_id import SessionId, fingerprint, from_document, from_headers, session_id
from llmgateway.wire import json_codec
from llmgateway_api.policy import Levels

pytestmark = pytest.mark.behaviour("W7")


def request(tokens: int, **more: Any) -> RequestFacts:
    return RequestFacts(
        **{"window": 10_000, "size": tokens * 4, "tokens": tokens, "tokens_asked": tokens, "model": "m", **more}
    )


def answered(prompt: int, output: int = 0, *tools: str) -> TurnOutcome:
    return TurnOutcome(usage=Usage(input_tokens=prompt, output_tokens=output), tools=tools)


def session(*turns: tuple[RequestFacts, TurnOutcome]) -> SessionFacts:
    facts = SessionFacts()
    for asked, outcome in turns:
        facts = facts.after(session_update(asked, outcome, facts))
    return facts


def test_a_new_session_reports_nothing_yet() -> None:
    report = context_report(SessionFacts(), "s1", Levels())
    assert report["session_id"] == "s1" and report["level"] == "NORMAL"
    assert report["turns_remaining"] is None and report["tokens"] == {"estimated": 0, "real": None}


def test_real_tokens_count_more_than_estimates() -> None:
    report = context_report(session((request(5000), answered(4000, 500))), "s1", Levels())
    assert report["tokens"] == {"estimated": 5000, "real": 4500}
    assert report["utilisation"] == 0.45
    report = context_report(session((request(5000), TurnOutcome())), "s1", Levels())
    assert report["utilisation"] == 0.5


@pytest.mark.parametrize(
    ("share", "level"),
    [(0.0, "NORMAL"), (0.74, "NORMAL"), (0.75, "ELEVATED"), (0.85, "HIGH"), (0.94, "HIGH"), (0.95, "CRITICAL")],
)
def test_levels(share: float, level: str) -> None:
    assert level_of(share, Levels()) == level


def test_turns_remaining_follow_recent_growth() -> None:
    facts = session(*((request(tokens), answered(tokens)) for tokens in (1000, 2000, 3000, 4000)))
    assert turns_remaining(facts) == 6
    assert turns_remaining(session((request(1000), answered(1000)))) is None
    full = session((request(1000), answered(1000)), (request(12_000), answered(12_000)))
    assert turns_remaining(full) == 0


def test_growth_is_told_by_what_the_client_sends_and_not_by_what_was_pruned() -> None:
    facts = session(
        (request(7000), answered(7000)),
        (request(6500, tokens_asked=8000, pruned_messages=4, pruned_tokens=1500), answered(6500)),
    )
    assert turns_remaining(facts) == 3


def test_the_peak_stays() -> None:
    facts = session((request(8000), answered(8000)), (request(100), answered(300)))
    assert context_report(facts, "s", Levels())["peak"] == {"tokens": 8000, "utilisation": 0.8}


def test_a_prune_counts_once_however_many_requests_go_by_it() -> None:
    pruned = request(6000, pruned_messages=4, pruned_tokens=900)
    facts = session((pruned, answered(6000)), (pruned, answered(6100)))
    assert facts.counters["prunes"] == 1
    facts = session((pruned, answered(6000)), (request(6000, pruned_messages=9), answered(6000)))
    assert facts.counters["prunes"] == 2


def test_an_overflow_is_counted_and_teaches_the_ratio() -> None:
    failure = Failure(kind="context_overflow", message="too long", input_tokens=12_000, window=10_000)
    facts = session((request(9000), TurnOutcome(failure=failure)))
    report = context_report(facts, "s", Levels())
    assert report["overflows"] == 1 and report["tokens"]["real"] == 12_000
    assert facts.ratio.measured == 3.0


def test_tool_calls_and_forced_turns_are_kept() -> None:
    facts = session((request(10, forced=1), answered(10, 1, "Bash", "Read")), (request(20, forced=2), answered(20)))
    report = context_report(facts, "s", Levels())
    assert report["tool_calls"] == {"total": 2, "recent": [["Bash", "Read"]]}
    assert report["forced_turns"] == 2 and facts.forced == 2
    assert tool_names([TextDelta("x"), ToolCallStarted(0, "c", "Bash")]) == ["Bash"]


def test_a_session_never_grows_without_end() -> None:
    facts = session(*((request(10), answered(10, 1, *["t" * 500] * 100)) for _ in range(200)))
    assert len(facts.entries) == ENTRIES
    assert len(json_codec.encode(facts)) < 200_000


STORED = st.dictionaries(
    st.sampled_from(["window", "model", "real_tokens", "measured_ratio", "planned_ratio", "forced_in_row"]),
    st.one_of(st.none(), st.text(max_size=3), st.booleans(), st.floats(), st.integers(), st.lists(st.integers())),
)


@given(STORED, st.lists(STORED, max_size=4))
def test_whatever_a_store_gives_back_is_read(facts: dict[str, Any], entries: list[dict[str, Any]]) -> None:
    found = SessionFacts(facts=facts, entries=[{"tokens": 1}, *entries])
    context_report(found, "s", Levels())
    assert 0.5 <= found.ratio.planned <= 8
    found.after(session_update(request(10), answered(10), found))


def test_a_session_survives_json() -> None:
    facts = session((request(5000), answered(4000, 500, "Bash")))
    kept = SessionFacts(**json_codec.decode(json_codec.encode(facts)))
    assert context_report(kept, "s", Levels()) == context_report(facts, "s", Levels())


CHAT = {
    "model": "m",
    "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
    "metadata": {"thread_id": "t1"},
}
MESSAGES = {
    "model": "m",
    "system": [{"type": "text", "text": "be brief"}],
    "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
}
RESPONSES = {"model": "m", "instructions": "be brief", "input": "hi"}


def test_headers_come_first_in_their_order() -> None:
    headers = {b"x-session-id": b"five", b"x-uap-session-id": b"two", b"anthropic-session-id": b"four"}
    assert session_id(headers, CHAT, "chat", "k") == SessionId("two", "header")
    assert session_id({b"x-llmgateway-session-id": b"one", **headers}, CHAT, "chat", "k").id == "one"
    assert from_headers({b"x-claude-session-id": b"three", b"x-session-id": b"five"}) == SessionId("three", "header")


def test_metadata_comes_second() -> None:
    assert session_id({}, CHAT, "chat", "k") == SessionId("t1", "metadata")
    metadata = {"thread_id": "t", "conversation_id": "c"}
    assert from_document({"metadata": metadata}) == SessionId("c", "metadata")
    assert from_document({"metadata": {**metadata, "session_id": "s"}}) == SessionId("s", "metadata")
    claude_code = {"user_id": '{"device_id":"d","session_id":"cc"}'}
    assert from_document({"metadata": claude_code}) == SessionId("cc", "metadata")
    assert from_document({"metadata": {"user_id": "somebody"}, "conversation_id": "own"}) == SessionId(
        "own", "metadata"
    )


def test_the_fingerprint_is_the_same_in_every_dialect_and_turn() -> None:
    found = fingerprint(CHAT, "chat", "key")
    assert found == fingerprint(MESSAGES, "messages", "key") == fingerprint(RESPONSES, "responses", "key")
    longer = {**CHAT, "messages": [*CHAT["messages"], {"role": "assistant", "content": "x"}]}  # type: ignore[misc]
    assert fingerprint(longer, "chat", "key") == found
    items = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}]
    assert fingerprint({**RESPONSES, "input": items}, "responses", "key") == found


@pytest.mark.parametrize(
    "other", [{**RESPONSES, "model": "n"}, {**RESPONSES, "instructions": ""}, {**RESPONSES, "input": "ho"}]
)
def test_another_beginning_is_another_session(other: dict[str, Any]) -> None:
    assert fingerprint(other, "responses", "key") != fingerprint(RESPONSES, "responses", "key")
    assert fingerprint(RESPONSES, "responses", "another") != fingerprint(RESPONSES, "responses", "key")


@given(st.binary(min_size=1, max_size=300))
def test_an_id_is_always_safe_in_headers_and_keys(given_id: bytes) -> None:
    found = from_headers({b"x-session-id": given_id})
    assert found is not None
    assert 1 <= len(found.id) <= 128 and found.id.isascii() and found.id.isprintable() and " " not in found.id
