"""Streams through the running server: starts, keep-alives, endings, disconnects."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from support.scripted_upstream import CUT, HANG, Scripted, ScriptedUpstream, chat_chunks, sse, whole
from unit.server.conftest import Gateway, Serving, anthropic, vllm


@pytest.mark.behaviour("R2")
async def test_a_chat_stream_passes_byte_for_byte(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    script = chat_chunks("Hel", "lo")
    upstream.answers.append(script)
    async with gateway([vllm(upstream)]) as serving:
        answer = await serving.chat(stream=True, stream_options={"include_usage": True})
    assert answer.content == b"".join(piece for piece in script.pieces if isinstance(piece, bytes))
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-llmgateway-backend"] == "local"
    assert answer.headers["x-accel-buffering"] == "no"


@pytest.mark.behaviour("T10", "R2")
async def test_usage_is_asked_for_and_hidden_from_a_client_that_did_not_ask(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    upstream.answers.append(chat_chunks("Hello"))
    async with gateway([vllm(upstream)]) as serving:
        answer = await serving.chat(stream=True)
        metrics = (await serving.client.get("/metrics")).text
    assert upstream.requests[0].json["stream_options"] == {"include_usage": True}
    assert '"usage"' not in answer.text
    assert answer.text.endswith("data: [DONE]\n\n")
    assert 'type="input"} 7.0' in metrics


@pytest.mark.behaviour("T3", "R6")
async def test_a_messages_client_streams_from_a_chat_upstream(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    upstream.answers.append(chat_chunks("Hel", "lo"))
    async with gateway([vllm(upstream)]) as serving:
        answer = await serving.messages(stream=True)
    kinds = [line[7:] for line in answer.text.splitlines() if line.startswith("event: ") and line != "event: ping"]
    assert kinds == [
        "message_start", "content_block_start", "content_block_delta", "content_block_delta", "content_block_stop",
        "message_delta", "message_stop",
    ]  # fmt: skip


@pytest.mark.behaviour("T5")
async def test_an_error_in_the_first_event_is_a_real_status(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    upstream.answers.append(sse({"error": {"message": "busy", "type": "server_error", "code": 503}}, done=False))
    async with gateway([vllm(upstream)]) as serving:
        answer = await serving.messages(stream=True)
    assert answer.status_code >= 500
    assert answer.json()["type"] == "error"


@pytest.mark.behaviour("T5")
@pytest.mark.parametrize("ending", [[CUT], []])
async def test_an_upstream_that_dies_in_mid_stream_is_an_error_event_and_no_success(
    gateway: Gateway, upstream: ScriptedUpstream, ending: list[str]
) -> None:
    pieces = [*chat_chunks("Hello").pieces[:2], 0.05, *ending]
    upstream.answers += [Scripted(pieces), Scripted(pieces)]
    async with gateway([vllm(upstream)]) as serving:
        messages = await serving.messages(stream=True)
        chat = await serving.chat(stream=True)
    assert messages.text.rstrip().splitlines()[-2] == "event: error"
    assert "message_stop" not in messages.text
    assert "error" in json.loads(chat.text.rstrip().splitlines()[-1].removeprefix("data: "))
    assert "[DONE]" not in chat.text


@pytest.mark.behaviour("H1")
async def test_silence_is_filled_with_keep_alives_from_the_first_second_on(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    upstream.answers.append(Scripted([1.3, *chat_chunks("Hello").pieces]))
    async with gateway([vllm(upstream)], policy={"stream": {"keepAlive": "200ms"}}) as serving:
        started = time.monotonic()
        first_byte = None
        async with serving.client.stream("POST", "/v1/messages", json=_messages()) as answer:
            text = ""
            async for piece in answer.aiter_text():
                first_byte = first_byte or time.monotonic() - started
                text += piece
    assert first_byte is not None and first_byte < 1.2, "the first byte waited for the first token"
    assert text.count("event: ping") >= 3
    assert text.rstrip().endswith('{"type":"message_stop"}')


@pytest.mark.behaviour("H1")
async def test_keep_alives_come_before_the_upstream_has_answered_at_all(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    script = chat_chunks("Hello")
    script.before_headers = 0.9
    upstream.answers.append(script)
    async with gateway([vllm(upstream)], policy={"stream": {"keepAlive": "200ms"}}) as serving:
        answer = await serving.chat(stream=True)
    assert answer.text.startswith(": keepalive\n\n: keepalive\n\n")
    assert answer.text.endswith("data: [DONE]\n\n")


@pytest.mark.behaviour("T5", "H1")
async def test_a_failure_after_keep_alives_is_told_in_band(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    failing = whole({"error": {"message": "no memory"}}, 500)
    failing.before_headers = 0.5
    upstream.answers.append(failing)
    async with gateway([vllm(upstream)], policy={"stream": {"keepAlive": "200ms"}}) as serving:
        answer = await serving.messages(stream=True)
    assert answer.status_code == 200
    assert "event: error" in answer.text and "no memory" in answer.text


@pytest.mark.behaviour("T8")
@pytest.mark.parametrize("script", [Scripted([HANG]), Scripted([*chat_chunks("Hello").pieces[:2], HANG])])
async def test_the_upstream_is_closed_when_the_client_of_a_stream_leaves(
    gateway: Gateway, upstream: ScriptedUpstream, script: Scripted
) -> None:
    upstream.answers.append(script)
    async with gateway([vllm(upstream)]) as serving:
        await _leave_once_asked(serving, upstream, _messages())
        await asyncio.wait_for(upstream.requests[0].closed.wait(), 1)


@pytest.mark.behaviour("T8")
async def test_the_upstream_is_closed_when_the_client_leaves_before_the_headers(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    upstream.answers.append(Scripted([], before_headers=30))
    async with gateway([vllm(upstream)]) as serving:
        await _leave_once_asked(serving, upstream, _messages() | {"stream": False})
        await asyncio.wait_for(upstream.requests[0].closed.wait(), 1)


@pytest.mark.behaviour("T3")
async def test_an_upstream_that_answers_whole_is_streamed_all_the_same(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    upstream.answers.append(
        whole(
            {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]}
        )
    )
    async with gateway([vllm(upstream)]) as serving:
        answer = await serving.messages(stream=True)
    assert '"text":"Hello"' in answer.text and "message_stop" in answer.text


@pytest.mark.behaviour("C2")
async def test_a_whole_answer_is_paced_in_groups_of_words_where_the_spec_asks_for_it(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    text = "one two three four five six seven eight nine"
    message = {"role": "assistant", "content": text}
    upstream.answers.append(whole({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}))
    pacing = {"words": 3, "minDelay": "1ms", "maxDelay": "5ms"}
    async with gateway([vllm(upstream)], policy={"stream": {"pacing": pacing}}) as serving:
        answer = await serving.chat(stream=True)
    events = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
    pieces = [event["choices"][0]["delta"].get("content") for event in events]
    said = [piece for piece in pieces if piece]
    assert "".join(said) == text
    assert all(1 <= len(piece.split()) <= 3 for piece in said)
    assert len(said) >= 3


@pytest.mark.behaviour("R10")
async def test_an_anthropic_upstream_gets_the_client_s_bytes_and_betas(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    upstream.answers.append(whole({"type": "message", "content": [], "stop_reason": "end_turn", "usage": {}}))
    messages = '[{"role": "user",  "content": "hi"}]'
    body = f'{{"model":"m","max_tokens":5,"messages":{messages},"future_field":{{"b":1,"a":2.50}}}}'
    headers = {"anthropic-beta": "one,two", "anthropic-version": "2026-10-21", "x-api-key": "client-secret"}
    async with gateway([anthropic(upstream)]) as serving:
        await serving.client.post("/v1/messages?beta=true", content=body, headers=headers)
    sent = upstream.requests[0]
    assert messages.encode() in sent.body and b'{"b":1,"a":2.50}' in sent.body
    assert sent.headers["anthropic-beta"] == "one,two"
    assert sent.headers["anthropic-version"] == "2026-10-21"
    assert "x-api-key" not in sent.headers and "authorization" not in sent.headers


async def _leave_once_asked(serving: Serving, upstream: ScriptedUpstream, body: dict[str, object]) -> None:
    asking = asyncio.create_task(serving.client.post("/v1/messages", json=body))
    async with asyncio.timeout(20):
        while not upstream.requests:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)  # what the upstream says at once is under way by then
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


def _messages() -> dict[str, object]:
    return {"model": "m", "max_tokens": 50, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
