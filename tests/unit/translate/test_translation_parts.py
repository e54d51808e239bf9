"""The shared pieces: names, ids, tokens, families, tables, cost."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.profiles import UNKNOWN_CLAUDE, claude_family, nearest_effort, open_family, openai_family
from llmgateway.translate import chat_to_messages, fidelity, messages_to_chat, responses_to_chat, responses_to_messages
from llmgateway.translate.table import TRANSLATORS
from llmgateway.translate.tool_names import CallIds, ToolNames
from llmgateway.translate.tool_schemas import closed, is_closed, object_schema
from llmgateway.translate.translated import Target
from llmgateway.wire import json_codec
from llmgateway.wire.reasoning_token import is_own, unwrap, wrap

NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@pytest.mark.behaviour("T9")
@given(
    tools=st.lists(st.tuples(st.one_of(st.none(), st.text(max_size=70)), st.text(min_size=1, max_size=90)), unique=True)
)
def test_names_are_legal_distinct_deterministic_and_undone(tools: list[tuple[str | None, str]]) -> None:
    names, again = ToolNames(64), ToolNames(64)
    made = [names.of(name, namespace) for namespace, name in tools]
    assert made == [again.of(name, namespace) for namespace, name in tools]
    assert len(set(made)) == len(tools)
    assert all(NAME.fullmatch(name) for name in made)
    for (namespace, name), upstream in zip(tools, made, strict=True):
        identity = names.identities.get(upstream)
        assert (identity.namespace, identity.name) == (namespace, name) if identity else upstream == name


@pytest.mark.behaviour("T9")
@given(ids=st.lists(st.text(max_size=60), max_size=8))
def test_call_ids_are_legal_and_unique(ids: list[str]) -> None:
    calls = CallIds(limit=40, plain=True, unique=True)
    made = [calls.new(client_id) for client_id in ids]
    assert len(set(made)) == len(ids)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", found) for found in made)


@given(thinking=st.text(), signature=st.one_of(st.none(), st.text()))
def test_a_reasoning_token_comes_back_as_it_went(thinking: str, signature: str | None) -> None:
    token = wrap(thinking, signature)
    assert re.fullmatch(r"gw1\.[A-Za-z0-9_-]+", token)
    assert unwrap(token) == (thinking, signature)


@pytest.mark.parametrize("token", ["", "EqQB", "gw1.", "gw1.x", "gw1.é", "gw1.W10", "gw1.e30", "gw2.e30"])
def test_a_foreign_or_broken_token_is_nobodys(token: str) -> None:
    assert unwrap(token) is None
    assert is_own(token) is token.startswith("gw1.")


@pytest.mark.parametrize(
    ("model", "key"),
    [
        ("claude-opus-5-5", "claude-opus-5.5"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("claude-opus-4-20250514", "claude-opus-4-0"),
        ("anthropic.claude-3-5-sonnet-20241022-v2:0", "claude-3-5-haiku"),
        ("claude-haiku-4-5@20251001", "claude-sonnet-4-5"),
    ],
)
def test_a_model_is_known_by_any_of_its_names(model: str, key: str) -> None:
    assert claude_family(model) is claude_family(key) is not UNKNOWN_CLAUDE


@pytest.mark.parametrize("model", ["mock-model", "claude-opus-9", "claude-instant", "claude-mythos-6-1", ""])
def test_an_unknown_claude_gets_the_conservative_row(model: str) -> None:
    assert claude_family(model) is UNKNOWN_CLAUDE


@pytest.mark.behaviour("W1")
def test_open_families_are_known_by_name() -> None:
    switches = {
        model: family.switch if (family := open_family(model)) else "unknown"
        for model in ("Qwen/Qwen3-8B", "qwen3:8b", "ibm-granite/granite-3.3-8b", "gpt-oss:20b", "Llama-3.3-70B")
    }
    assert switches == {
        "Qwen/Qwen3-8B": "enable_thinking",
        "qwen3:8b": "enable_thinking",
        "ibm-granite/granite-3.3-8b": "thinking",
        "gpt-oss:20b": None,
        "Llama-3.3-70B": "unknown",
    }
    assert openai_family("gpt-4o").efforts == ()
    assert openai_family("o3").always_reasons
    assert openai_family("gpt-7").efforts


def test_the_nearest_effort_is_never_stronger_unless_nothing_weaker_is_known() -> None:
    assert nearest_effort("max", ("low", "medium")) == "medium"
    assert nearest_effort("minimal", ("low", "medium")) == "low"
    assert nearest_effort("high", ("low", "high")) == "high"


def test_a_schema_that_needs_no_change_is_the_same_object() -> None:
    schema = {"type": "object", "properties": {"a": {"anyOf": [{}]}}, "$defs": {}}
    assert object_schema(schema) == (schema, False)
    assert object_schema(schema)[0] is schema
    merged, changed = object_schema({"allOf": [{"properties": {"a": {}}, "required": ["a"]}, {"required": ["b"]}]})
    assert (merged, changed) == ({"type": "object", "properties": {"a": {}}, "required": ["a", "b"]}, True)


def test_closing_a_schema_closes_every_object_but_no_property_of_that_name() -> None:
    schema = {"type": "object", "properties": {"properties": {"type": "object"}, "enum": {"type": ["object", "null"]}}}
    made = closed(schema)
    assert made["properties"]["properties"] == {"type": "object", "additionalProperties": False}
    assert made["properties"]["enum"]["additionalProperties"] is False
    assert not is_closed(schema, all_required=False)
    assert is_closed(made, all_required=False)
    assert not is_closed(made, all_required=True)
    assert "additionalProperties" not in schema


@pytest.mark.behaviour("R1", "R3", "R4", "R9")
def test_every_field_of_the_official_sdks_has_a_row() -> None:
    from anthropic.types.beta.message_create_params import MessageCreateParamsBase
    from openai.types.chat.completion_create_params import CompletionCreateParamsBase
    from openai.types.responses.response_create_params import ResponseCreateParamsBase

    pairs: list[tuple[Any, Any]] = [
        (MessageCreateParamsBase, messages_to_chat.FIELDS),
        (CompletionCreateParamsBase, chat_to_messages.FIELDS),
        (ResponseCreateParamsBase, responses_to_chat.FIELDS),
        (ResponseCreateParamsBase, responses_to_messages.FIELDS),
    ]
    for sdk, table in pairs:
        assert {"stream", *sdk.__annotations__} - table.by_field.keys() == set()


@pytest.mark.behaviour("R9")
def test_the_fidelity_page_is_what_the_tables_say() -> None:
    assert fidelity.PAGE.read_text(encoding="utf-8") == fidelity.page()
    run = [sys.executable, "-m", "llmgateway.translate.fidelity", "--check"]
    assert subprocess.run(run, check=False).returncode == 0


def test_a_stale_fidelity_page_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(fidelity, "PAGE", tmp_path / "fidelity.md")
    assert fidelity.main(["--check"]) == 1
    assert fidelity.main([]) == 0
    assert fidelity.main(["--check"]) == 0


def _conversation(pair: tuple[str, str], turns: int) -> dict[str, Any]:
    if pair[0] == "responses":
        items: list[Any] = []
        for turn in range(turns):
            items += [
                {"role": "user", "content": "hello"},
                {"role": "developer", "content": "late"},
                {"type": "function_call", "call_id": f"c{turn}", "name": "f", "arguments": '{"a": 1}'},
                {"type": "function_call_output", "call_id": f"c{turn}", "output": "ok"},
            ]
        return {"input": items}
    messages: list[Any] = []
    for turn in range(turns):
        call = {"id": f"c{turn}", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
        use = {"type": "tool_use", "id": f"c{turn}", "name": "f", "input": {"a": 1}}
        result = {"type": "tool_result", "tool_use_id": f"c{turn}", "content": "ok"}
        if pair[0] == "chat":
            assistant: dict[str, Any] = {"role": "assistant", "content": None, "tool_calls": [call]}
            answer: dict[str, Any] = {"role": "tool", "tool_call_id": f"c{turn}", "content": "ok"}
        else:
            assistant = {"role": "assistant", "content": [use]}
            answer = {"role": "user", "content": [result]}
        messages += [{"role": "user", "content": "hi"}, {"role": "system", "content": "late"}, assistant, answer]
    return {"messages": messages, "max_tokens": 5}


def _calls_of(pair: tuple[str, str], request: dict[str, Any], target: Target) -> int:
    """Python and C functions called by one translation."""
    count = 0

    def counted(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counted)
    try:
        TRANSLATORS[pair](request, target)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("pair", sorted(TRANSLATORS))
def test_four_times_the_conversation_takes_four_times_the_steps(pair: tuple[str, str]) -> None:
    target = Target(type="OpenAI", model="claude-opus-5")
    small = _calls_of(pair, _conversation(pair, 100), target)
    large = _calls_of(pair, _conversation(pair, 400), target)
    assert large < 4.5 * small


@pytest.mark.parametrize("pair", sorted(TRANSLATORS))
def test_many_pieces_of_one_turn_are_joined_once(pair: tuple[str, str]) -> None:
    held = "input" if pair[0] == "responses" else "messages"
    roles = ["user"] * 2000 + ["system"] * 2000 + ["assistant"] * 2000
    request = {held: [{"role": role, "content": f"{role} {index}"} for index, role in enumerate(roles)]}
    document = TRANSLATORS[pair](request, Target(type="VLLM", model="m")).document
    text = json_codec.encode(document).decode()
    assert all(f"{role} {index}" in text for index, role in enumerate(roles))
