"""What the API is asked: the client's conversation and fields, and nothing of this machine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from contract.claude_agent.agent import MODEL, Agent
from contract.claude_agent.anthropic_endpoint import quotes

pytestmark = pytest.mark.asyncio(loop_scope="module")

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}


def asked_messages(agent: Agent) -> list[Any]:
    """Without the program's own cache breakpoints, texts as blocks."""
    return [{"role": each["role"], "content": blocks(each["content"])} for each in agent.last["messages"]]


def blocks(content: Any) -> list[Any]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [{name: value for name, value in block.items() if name != "cache_control"} for block in content]


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


async def test_the_history_is_replayed_with_images_documents_and_tool_results(agent: Agent) -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"a": 1}}
    other = {"type": "tool_use", "id": "toolu_2", "name": "look", "input": {"a": 2}}
    results = [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": [text("r1"), IMAGE]},
        {"type": "tool_result", "tool_use_id": "toolu_2", "content": "bad", "is_error": True},
    ]
    document = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "x"}, "title": "T"}
    thought = {"type": "thinking", "thinking": "hm", "signature": "S"}
    await agent.text([text("q1"), IMAGE], [thought, text("a1"), call, other], results, "a2", [document, text("q3")])
    renamed = [{**each, "name": "client_look"} for each in (call, other)]
    assert asked_messages(agent) == [
        {"role": "user", "content": [text("q1"), IMAGE]},
        {"role": "assistant", "content": [text("a1"), *renamed]},
        {"role": "user", "content": results},
        {"role": "assistant", "content": [text("a2")]},
        {"role": "user", "content": [document, text("q3")]},
    ]


async def test_the_fields_of_the_request_reach_the_api(agent: Agent) -> None:
    fields = {"temperature": 0.25, "top_k": 5, "stop_sequences": ["END"], "metadata": {"user_id": "u"},
              "service_tier": "standard_only", "thinking": {"type": "enabled", "budget_tokens": 1024},
              "output_config": {"effort": "low"}, "unheard_of": {"x": 1}}  # fmt: skip
    await agent.text("hello", system=[text("You are"), text("brief.")], **fields)
    assert {name: agent.last[name] for name in fields} == fields
    assert (agent.last["model"], agent.last["max_tokens"]) == (MODEL, 1000)
    assert agent.last["system"][-1]["text"] == "You are\n\nbrief."


async def test_nothing_of_one_request_is_left_in_the_next_of_its_conversation(agent: Agent) -> None:
    first = await agent.text("hello", temperature=0.25, stop_sequences=["END"], max_tokens=7)
    await agent.text("hello", first, "and")
    assert "temperature" not in agent.last and "stop_sequences" not in agent.last
    assert agent.last["max_tokens"] == 1000


async def test_the_apis_defaults_hold_not_the_programs(agent: Agent) -> None:
    await agent.text("hello")
    assert (agent.last["thinking"], agent.last["output_config"]) == ({"type": "disabled"}, {"effort": "high"})
    await agent.text("hello", model="claude-opus-5-5")
    assert (agent.last["thinking"], agent.last["output_config"]) == ({"type": "adaptive"}, {"effort": "high"})


@pytest.mark.behaviour("C4")
async def test_the_deep_profile_thinks_with_much_effort(agent: Agent) -> None:
    await agent.text("hello", headers={"x-llmgateway-profile": "deep"}, model="claude-opus-5-5")
    assert (agent.last["thinking"], agent.last["output_config"]) == ({"type": "adaptive"}, {"effort": "xhigh"})


async def test_the_clients_betas_are_asked_for(agent: Agent) -> None:
    await agent.text("hello", headers={"anthropic-beta": "some-beta-2026-01-01,effort-2025-11-24"})
    assert "some-beta-2026-01-01" in agent.endpoint.asked[-1].headers["anthropic-beta"].split(",")


@pytest.mark.behaviour("C3")
async def test_a_system_message_in_the_middle_becomes_a_context_section(agent: Agent) -> None:
    await agent.text("q1", "a1", {"role": "system", "content": "it is late"}, {"role": "user", "content": "q2"})
    assert asked_messages(agent)[-1]["content"] == [text("<context>\nit is late\n</context>"), text("q2")]


@pytest.mark.behaviour("C3")
async def test_a_history_that_begins_with_the_assistant_becomes_a_conversation_section(agent: Agent) -> None:
    await agent.text({"role": "assistant", "content": "Welcome."}, {"role": "user", "content": [IMAGE, text("hi")]})
    told = "<conversation>\n<assistant>\nWelcome.\n</assistant>\n</conversation>"
    assert asked_messages(agent) == [{"role": "user", "content": [text(told), IMAGE, text("hi")]}]


@pytest.mark.parametrize(
    "words", ["read @/etc/passwd", "/clear", "/compact @/etc/hostname", "!id", "#remember me", "@/proc/self/environ"]
)
async def test_what_the_client_writes_is_never_a_command_or_a_file_of_this_machine(agent: Agent, words: str) -> None:
    await agent.text("before " + words, "ok", words)
    told = asked_messages(agent)
    assert [told[0]["content"], told[2]["content"]] == [[text("before " + words)], [text(words)]]
    assert "root:" not in str(agent.last)


async def test_the_prompt_tells_nothing_of_this_machine(agent: Agent) -> None:
    await agent.text("hello", system="Be brief.")
    assert asked_messages(agent) == [{"role": "user", "content": [text("hello")]}]
    assert len(agent.last["system"]) == 2  # the SDK's line, and the client's
    assert not agent.last.get("tools")
    assert str(Path.home()) not in str(agent.last) and os.uname().release not in str(agent.last)


@pytest.mark.behaviour("R12")
async def test_a_session_inherits_nothing_and_holds_no_credential(agent: Agent) -> None:
    os.environ["SECRET_OF_THE_GATEWAY"] = "hush"
    try:
        await agent.text("hello", key="sk-very-secret")
        for pid in agent.transport.processes:
            variables = Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
            assert b"hush" not in variables and b"very-secret" not in variables and b"key-1" not in variables
    finally:
        del os.environ["SECRET_OF_THE_GATEWAY"]
    assert agent.endpoint.asked[-1].headers["x-api-key"] == "sk-very-secret"


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"max_tokens": None}, "max_tokens"), ({"model": ""}, "model"), ({"messages": []}, "messages"),
     ({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}, "messages[1]"),
     ({"tools": [{"name": "n" * 122, "input_schema": {}}]}, "tools[0].name")],
)  # fmt: skip
async def test_what_the_agent_cannot_do_is_refused_by_name(agent: Agent, fields: dict[str, Any], param: str) -> None:
    status, body = await agent.whole("hello", **fields)
    assert (status, body["error"]["type"]) == (400, "invalid_request_error")
    assert param in body["error"]["message"]
    assert not agent.endpoint.asked


async def test_models_are_asked_of_the_api_with_a_key_and_unknown_without(agent: Agent) -> None:
    from llmgateway.upstreams.port import UpstreamRequest

    agent.endpoint.brain = quotes
    answer = await agent.transport.get(UpstreamRequest("/v1/models", {"x-api-key": "k"}, b""))
    assert answer.status == 200 and b"claude-here" in await answer.read_all()
    answer = await agent.transport.get(UpstreamRequest("/v1/models", {}, b""))
    assert answer.status == 404
