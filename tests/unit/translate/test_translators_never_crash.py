"""Whatever JSON a client sends: a document that can be sent, or a refusal that names the field."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmgateway.failures import TurnRefused
from llmgateway.translate.native import native_chat, native_messages
from llmgateway.translate.table import TRANSLATORS
from llmgateway.translate.translated import Target, Translated
from llmgateway.wire import json_codec

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=6)
)
WORDS = st.sampled_from([
    "type", "role", "content", "text", "model", "messages", "input", "tools", "tool_calls", "function", "name",
    "arguments", "id", "call_id", "tool_call_id", "tool_use_id", "tool_use", "tool_result", "image", "image_url",
    "document", "source", "base64", "url", "data", "media_type", "user", "assistant", "system", "developer", "tool",
    "custom", "namespace", "function_call", "function_call_output", "custom_tool_call", "reasoning",
    "encrypted_content", "thinking", "redacted_thinking", "summary", "output", "parameters", "input_schema",
    "properties", "anyOf", "required", "additionalProperties", "tool_choice", "allowed_tools", "mode", "auto",
    "any", "none", "required", "format", "json_schema", "schema", "response_format", "output_config", "effort",
    "high", "stop_sequences", "stop", "metadata", "user_id", "file", "file_data", "filename", "input_text",
    "input_image", "output_text", "message", "additional_tools", "tool_addition", "tool_removal", "tool_reference",
    "search_result", "compaction", "thinking", "signature", "gw1.x", "data:,", "https://x", "budget_tokens",
    "enabled", "disabled", "adaptive", "cache_control", "is_error", "refusal", "instructions", "max_tokens", "n"
])  # fmt: skip
GARBAGE = st.recursive(
    st.one_of(SCALARS, WORDS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(WORDS, st.text(max_size=3)), inner, max_size=5)
    ),
    max_leaves=25,
)
MODELS = st.sampled_from(["qwen3-8b", "gpt-4o", "gpt-5", "gpt-oss:20b", "claude-opus-4-5", "claude-opus-5-5", "mock"])
TARGETS = st.builds(
    Target,
    type=st.sampled_from(["OpenAI", "VLLM", "LlamaCpp", "Ollama", "Anthropic", "ClaudeAgent", "Scripted"]),
    model=MODELS,
    system_messages=st.sampled_from([None, "Fold", "First", "Keep"]),
    thinking=st.booleans(),
)
_FIELDS = {
    "messages": """model messages system tools tool_choice thinking output_config max_tokens stop_sequences metadata
                   stream temperature effort unheard_of""",
    "chat": """model messages tools functions tool_choice function_call reasoning_effort response_format stop user n
               chat_template_kwargs reasoning thinking stream max_tokens service_tier unheard_of""",
    "responses": """model input instructions tools tool_choice reasoning text include max_output_tokens metadata
                    parallel_tool_calls top_logprobs stream service_tier prompt truncation unheard_of""",
}
_KINDS = {
    "messages": "text image document search_result tool_use tool_result thinking redacted_thinking compaction new_kind",
    "chat": "text refusal image_url file input_audio new_kind",
    "responses": """message reasoning function_call function_call_output custom_tool_call custom_tool_call_output
                    additional_tools configuration_update tool_search_output local_shell_call shell_call new_kind""",
}


def _objects_of(dialect: str) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that look like blocks, parts or items, with garbage inside."""
    return st.builds(
        lambda kind, more: {**more, "type": kind},
        st.sampled_from(_KINDS[dialect].split()),
        st.dictionaries(WORDS, GARBAGE, max_size=6),
    )


def _messages_of(dialect: str) -> st.SearchStrategy[list[Any]]:
    blocks = _objects_of(dialect)
    content = st.one_of(st.text(max_size=5), st.none(), st.lists(blocks, max_size=3), GARBAGE)
    roles = st.sampled_from(["user", "assistant", "system", "developer", "tool", "function", "other"])
    messages = st.builds(lambda role, content, more: {**more, "role": role, "content": content}, roles, content,
                         st.dictionaries(WORDS, GARBAGE, max_size=3))  # fmt: skip
    return st.lists(st.one_of(messages, blocks) if dialect == "responses" else messages, max_size=5)


def requests(dialect: str) -> st.SearchStrategy[dict[str, Any]]:
    """Requests of a dialect with its field names and garbage in them."""
    held = "input" if dialect == "responses" else "messages"
    return st.builds(
        lambda some, messages: {**some, held: messages},
        st.dictionaries(st.sampled_from(_FIELDS[dialect].split()), GARBAGE, max_size=6),
        st.one_of(_messages_of(dialect), GARBAGE),
    )


def translated_or_refused(pair: tuple[str, str], request: dict[str, Any], target: Target) -> Translated | None:
    """None for a proper refusal; anything else that is raised fails the test."""
    try:
        return TRANSLATORS[pair](request, target)
    except TurnRefused as refused:
        proper = refused.failure.kind == "invalid_request" and bool(refused.failure.param)
    assert proper
    return None


@pytest.mark.behaviour("R9", "T1", "T4")
@pytest.mark.parametrize("pair", sorted(TRANSLATORS))
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), target=TARGETS)
def test_garbage_is_translated_or_refused_with_its_path(
    pair: tuple[str, str], data: st.DataObject, target: Target
) -> None:
    request = data.draw(requests(pair[0]))
    translated = translated_or_refused(pair, request, target)
    if translated is not None:
        json_codec.encode(translated.document)
        assert translated.document["model"] == target.model
        assert translated.document["messages"]
        assert all(message["content"] is not None for message in translated.document["messages"])


@pytest.mark.behaviour("R9")
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(request=st.one_of(requests("chat"), requests("messages")), target=TARGETS)
def test_native_requests_with_garbage_stay_json(request: dict[str, Any], target: Target) -> None:
    fields = json_codec.split_fields(json_codec.encode(request))
    for native in (native_chat, native_messages):
        sent = json_codec.decode(json_codec.join_fields(native(fields, target).fields))
        assert sent["model"] == target.model


@pytest.mark.parametrize("pair", sorted(TRANSLATORS))
def test_a_document_nested_too_deeply_is_refused(pair: tuple[str, str]) -> None:
    schema: dict[str, Any] = {}
    for _ in range(3000):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"], "additionalProperties": False}
    held = {"input" if pair[0] == "responses" else "messages": [{"role": "user", "content": "hi"}]}
    text_format = {"type": "json_schema", "schema": schema, "json_schema": {"schema": schema}, "strict": True}
    fields = {"messages": {"output_config": {"format": text_format}}, "chat": {"response_format": text_format},
              "responses": {"text": {"format": text_format}}}  # fmt: skip
    with pytest.raises(TurnRefused, match="nested"):
        TRANSLATORS[pair]({**held, **fields[pair[0]]}, Target(type="OpenAI", model="claude-opus-4-5"))
