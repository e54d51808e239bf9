"""Sessions and policies through the running server: what is noted, what acts, and what the client is told."""

from __future__ import annotations

from typing import Any

import pytest

from llmgateway.storage.records import SessionKey, Suspension
from support.scripted_upstream import ScriptedUpstream, sse, whole
from unit.server.conftest import Gateway, anthropic, vllm


def answer(text: str | None = "Hello", prompt: int = 100, **message: Any) -> dict[str, Any]:
    return {
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": prompt, "completion_tokens": 5, "total_tokens": prompt + 5},
    }


def long_history(turns: int, size: int) -> list[dict[str, str]]:
    said = [{"role": ("user", "assistant")[place % 2], "content": f"{place} " + "x" * size} for place in range(turns)]
    return [{"role": "system", "content": "Be brief."}, *said, {"role": "user", "content": "the last"}]


@pytest.mark.behaviour("W7")
async def test_the_context_of_a_session_is_told(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    upstream.answers += [whole(answer(prompt=70000)), whole(answer(prompt=900))]
    backend = vllm(upstream, limits={"contextWindow": 1000})
    async with gateway([backend]) as serving:
        serving.client.headers["x-llmgateway-session-id"] = "s1"
        first = await serving.chat()
        await serving.chat()
        report = (await serving.client.get("/v1/context", params={"session_id": "s1"})).json()
        unknown = await serving.client.get("/v1/context", params={"session_id": "other"})
    assert first.headers["x-llmgateway-session-id"] == "s1"
    assert (report["window"], report["turns"], report["level"]) == (1000, 2, "HIGH")
    assert report["tokens"]["real"] == 905
    assert unknown.status_code == 404


@pytest.mark.behaviour("W7")
async def test_a_session_without_an_id_is_known_by_how_it_began(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    upstream.answers += [whole(answer()) for _ in range(3)]
    opening = [{"role": "user", "content": "begin"}]
    more = [*opening, {"role": "assistant", "content": "Hello"}, {"role": "user", "content": "more"}]
    async with gateway([vllm(upstream)]) as serving:
        ids = [
            (await serving.chat(messages=messages)).headers["x-llmgateway-session-id"]
            for messages in (opening, more, [{"role": "user", "content": "another"}])
        ]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.behaviour("W4", "W5")
async def test_a_long_conversation_is_pruned_into_the_window_that_the_upstream_tells(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    upstream.models = ["up"]
    upstream.answers += [whole(answer()), whole(answer())]
    history = long_history(60, 400)
    async with gateway([vllm(upstream, limits={"contextWindow": 4000})]) as serving:
        pruned = await serving.chat(messages=history)
    async with gateway([vllm(upstream, limits={"contextWindow": 4000})], policy={"dryRun": True}) as serving:
        told = await serving.chat(messages=history)
    sent = upstream.requests[0].json["messages"]
    assert sent[0]["content"] == "Be brief."
    assert sent[-8:] == history[-8:]
    assert len(sent) < len(history)
    assert pruned.headers["x-llmgateway-policies"].startswith("pruned;messages=")
    assert told.headers["x-llmgateway-policies"].endswith(";dry-run")
    assert upstream.requests[1].json["messages"] == history


@pytest.mark.behaviour("W0")
async def test_an_anthropic_upstream_gets_a_long_conversation_as_it_is(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    upstream.answers.append(whole({"type": "message", "content": [], "stop_reason": "end_turn", "usage": {}}))
    history = long_history(60, 400)[1:]
    async with gateway([anthropic(upstream, limits={"contextWindow": 4000})]) as serving:
        told = await serving.messages(messages=history, max_tokens=100)
    assert upstream.requests[0].json["messages"] == history
    assert "x-llmgateway-policies" not in told.headers


@pytest.mark.behaviour("W6")
async def test_max_tokens_is_capped_to_what_the_window_leaves(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    upstream.answers.append(whole(answer()))
    async with gateway([vllm(upstream, limits={"contextWindow": 10000})]) as serving:
        told = await serving.messages(max_tokens=32000)
    assert 1024 <= upstream.requests[0].json["max_tokens"] <= 8500
    assert "max-tokens;from=32000" in told.headers["x-llmgateway-policies"]


@pytest.mark.behaviour("W8")
async def test_the_supplement_stands_at_the_end_of_the_system_prompt(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    upstream.answers.append(whole(answer()))
    async with gateway([vllm(upstream)], policy={"agentLoop": {"supplement": "Use the tools."}}) as serving:
        await serving.messages(system="Be brief.")
    assert upstream.requests[0].json["messages"][0]["content"].endswith("Use the tools.")


@pytest.mark.behaviour("W9", "W10")
async def test_a_loop_is_kept_going_and_tried_once_more_when_it_ends_too_early(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    upstream.answers += [whole(answer("I think I am done")), whole(answer(None, tool_calls=[{**call, "id": "c2"}]))]
    looked = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "nothing yet"},
    ]
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
    async with gateway([vllm(upstream)], policy={"agentLoop": {"forceTools": True}}) as serving:
        told = await serving.chat(messages=looked, tools=tools)
    assert [request.json["tool_choice"] for request in upstream.requests] == ["required", "required"]
    assert told.json()["choices"][0]["message"]["tool_calls"][0]["id"] == "c2"
    assert "guardrail-retry" in told.headers["x-llmgateway-policies"]


@pytest.mark.behaviour("W11")
@pytest.mark.parametrize("stream", [False, True])
async def test_reasoning_alone_is_shown_where_the_spec_says_so(
    gateway: Gateway, upstream: ScriptedUpstream, stream: bool
) -> None:
    upstream.answers.append(whole(answer(None, reasoning_content="<p>Because</p>  of it")))
    async with gateway([vllm(upstream)], policy={"reasoningOnly": {"mode": "Sanitized"}}) as serving:
        told = await serving.chat(stream=stream)
    assert '"content":"Because of it"' in told.text


@pytest.mark.behaviour("H4")
async def test_an_empty_answer_is_continued_and_thinking_alone_is_not(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    thought = answer(None, reasoning_content="hmm")
    thought["choices"][0]["finish_reason"] = "length"
    upstream.answers += [whole(answer("")), whole(answer("")), whole(answer("Here.")), whole(thought)]
    async with gateway([vllm(upstream)]) as serving:
        continued = await serving.chat()
        alone = await serving.chat()
    assert continued.json()["choices"][0]["message"]["content"] == "Here."
    assert continued.headers["x-llmgateway-policies"] == "continued, continued"
    assert "thinking-used-up-the-budget" in alone.headers["x-llmgateway-policies"]
    assert len(upstream.requests) == 4


@pytest.mark.behaviour("H3")
async def test_cut_tool_arguments_are_told_whatever_the_upstream_calls_the_end(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    cut = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"path": "/tm'}}
    upstream.answers.append(whole(answer(None, tool_calls=[cut])))
    async with gateway([vllm(upstream)]) as serving:
        told = await serving.messages()
    assert told.json()["stop_reason"] == "max_tokens"
    assert "tool-arguments-cut" in told.headers["x-llmgateway-policies"]


@pytest.mark.behaviour("H2")
async def test_a_suspended_session_starts_afresh_once_and_is_told_so(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    upstream.answers += [whole(answer()) for _ in range(5)]
    async with gateway([vllm(upstream)]) as serving:
        serving.client.headers["x-llmgateway-session-id"] = "s1"
        await serving.chat()
        sessions = serving.runtime.services.store.sessions
        await sessions.suspend(SessionKey("anonymous", "s1"), Suspension("crash", 1.0))
        other = await serving.client.post(
            "/v1/chat/completions", json={"model": "m", "messages": []}, headers={"x-llmgateway-session-id": "s2"}
        )
        first, second = await serving.chat(), await serving.chat()
        stopped = await serving.client.post("/v1/sessions/s1/stop")
        third = await serving.chat()
        report = (await serving.client.get("/v1/context", params={"session_id": "s1"})).json()
    assert first.headers["x-llmgateway-session-suspended"] == "crash"
    assert "x-llmgateway-session-suspended" not in second.headers
    assert "x-llmgateway-session-suspended" not in other.headers
    assert stopped.json()["suspended"] is True
    assert third.headers["x-llmgateway-session-suspended"] == "stopped"
    assert report["turns"] == 1


@pytest.mark.behaviour("W5")
@pytest.mark.parametrize("ask", ["chat", "messages"])
async def test_the_upstreams_tokenizer_is_asked_before_a_new_session_is_pruned(
    gateway: Gateway, upstream: ScriptedUpstream, ask: str
) -> None:
    """By the estimate this fits; by the upstream's own count it does not."""
    upstream.tokenizer_answers.append(whole({"count": 11000, "max_model_len": 10000}))
    upstream.answers += [whole(answer(prompt=6000)), whole(answer(prompt=6000))]
    history = long_history(40, 450)[1:]
    async with gateway([vllm(upstream, limits={"contextWindow": 10000})]) as serving:
        serving.client.headers["x-llmgateway-session-id"] = "s1"
        pruned = await getattr(serving, ask)(messages=history)
        await getattr(serving, ask)(messages=history)
    assert len(upstream.tokenizer_requests) == 1
    assert upstream.tokenizer_requests[0].json["messages"] == history
    assert pruned.headers["x-llmgateway-policies"].startswith("pruned;messages=")
    assert all(len(request.json["messages"]) < len(history) for request in upstream.requests)


@pytest.mark.behaviour("W5")
async def test_a_tokenizer_that_is_missing_costs_a_turn_nothing(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    upstream.answers.append(whole(answer(prompt=5000)))
    async with gateway([vllm(upstream, limits={"contextWindow": 10000})]) as serving:
        told = await serving.chat(messages=long_history(40, 450))
    assert told.status_code == 200 and len(upstream.tokenizer_requests) == 1


@pytest.mark.behaviour("W7")
async def test_the_tools_of_a_stream_that_passes_unread_are_remembered(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "look", "arguments": ""}}
    ended = {"index": 0, "delta": {}, "finish_reason": "tool_calls"}
    chunk = {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}
    upstream.answers.append(sse({"choices": [chunk]}, {"choices": [ended]}))
    async with gateway([vllm(upstream)]) as serving:
        serving.client.headers["x-llmgateway-session-id"] = "s1"
        await serving.chat(stream=True)
        report = (await serving.client.get("/v1/context", params={"session_id": "s1"})).json()
    assert report["tool_calls"] == {"total": 1, "recent": [["look"]]}
