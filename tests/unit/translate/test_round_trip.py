"""What both dialects can say survives there and back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmgateway.translate.chat_to_messages import chat_to_messages
from llmgateway.translate.messages_to_chat import messages_to_chat
from llmgateway.translate.translated import Target
from llmgateway.wire import json_codec

CLAUDE = Target(type="Anthropic", model="claude-sonnet-4-5")
SERVER = Target(type="VLLM", model="plain-model")
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).filter(
    str.strip
)
NAMES = st.from_regex(r"[a-zA-Z][a-zA-Z0-9_-]{0,20}", fullmatch=True)
ARGUMENTS = st.dictionaries(TEXTS, st.one_of(TEXTS, st.integers(), st.booleans(), st.none()), max_size=3)


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Alternating turns; calls have their results right after them, in call order."""
    messages: list[dict[str, Any]] = []
    if draw(st.booleans()):
        messages.append({"role": "system", "content": draw(TEXTS)})
    messages.append({"role": "user", "content": draw(TEXTS)})
    count = 0
    for _ in range(draw(st.integers(0, 4))):
        calls = []
        for arguments in draw(st.lists(ARGUMENTS, max_size=3)):
            count += 1
            function = {"name": draw(NAMES), "arguments": json_codec.encode(arguments).decode()}
            calls.append({"id": f"call_{count}", "type": "function", "function": function})
        text = draw(TEXTS if not calls else st.one_of(st.just(""), TEXTS))
        messages.append({"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})})
        messages += [{"role": "tool", "tool_call_id": call["id"], "content": draw(TEXTS)} for call in calls]
        messages.append({"role": "user", "content": draw(TEXTS)})
    return messages


TOOLS = st.lists(
    st.builds(
        lambda name, text: {
            "type": "function",
            "function": {
                "name": name,
                "description": text,
                "parameters": {"type": "object", "properties": {text: {"type": "string"}}, "required": [text]},
            },
        },
        NAMES,
        TEXTS,
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda tool: tool["function"]["name"],
)


@pytest.mark.behaviour("T1", "T4")
@settings(max_examples=200, deadline=None)
@given(
    messages=conversations(),
    tools=TOOLS,
    choice=st.sampled_from(["auto", "required", "none"]),
    stop=st.lists(TEXTS, max_size=3),
    most=st.integers(1, 10_000),
    stream=st.booleans(),
)
def test_chat_to_messages_and_back_is_the_same_request(
    messages: list[dict[str, Any]], tools: list[Any], choice: str, stop: list[str], most: int, stream: bool
) -> None:
    request: dict[str, Any] = {"model": "m", "messages": messages, "tools": tools, "tool_choice": choice,
                               "max_tokens": most, "temperature": 0.5, "user": "u", "stream": stream}  # fmt: skip
    if stop:
        request["stop"] = stop
    there = chat_to_messages(request, CLAUDE)
    back = messages_to_chat(there.document, SERVER)
    assert there.losses == []
    assert back.losses == []
    back.document.pop("stream_options", None)
    assert back.document == {**request, "model": "plain-model"}
    arguments = [call["function"]["arguments"] for turn in messages for call in turn.get("tool_calls", [])]
    returned = [
        call["function"]["arguments"] for turn in back.document["messages"] for call in turn.get("tool_calls", [])
    ]
    assert returned == arguments, "key order is part of the arguments"
