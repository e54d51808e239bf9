"""The pool of one backend: connections are kept, limited, and replaced when the upstream has closed them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from llmgateway.server.application import Application
from llmgateway.server.cold_routes import cold_application
from llmgateway.server.runtime import Runtime
from support.gateway_files import gateway_document, write_documents
from support.scripted_upstream import Scripted, ScriptedUpstream, chat_chunks, whole
from unit.server.conftest import Gateway, vllm

ANSWER = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]}


@pytest.mark.behaviour("T7")
async def test_connections_are_kept_and_never_more_than_the_limit(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    upstream.answers += [Scripted([0.05, *chat_chunks("Hello").pieces]) for _ in range(6)]
    async with gateway([vllm(upstream, limits={"maxConnections": 2})]) as serving:
        await serving.runtime.discover_once()
        answers = await asyncio.gather(*(serving.chat(stream=True) for _ in range(6)))
    assert all(answer.text.endswith("data: [DONE]\n\n") for answer in answers)
    assert upstream.connections == 2


@pytest.mark.behaviour("T6", "T7")
async def test_a_kept_connection_that_the_upstream_closed_is_replaced_at_once(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    upstream.close_kept = True
    upstream.answers += [whole(ANSWER) for _ in range(3)]
    async with gateway([vllm(upstream)]) as serving:
        statuses = [(await serving.chat()).status_code for _ in range(3)]
    assert statuses == [200, 200, 200]
    assert upstream.connections >= 3


@pytest.mark.behaviour("T8")
async def test_llama_cpp_is_asked_for_a_stream_even_when_the_client_wants_a_whole_answer(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    upstream.answers += [chat_chunks("Hel", "lo"), chat_chunks("Hel", "lo")]
    async with gateway([vllm(upstream) | {"type": "LlamaCpp"}]) as serving:
        chat, messages = await serving.chat(), await serving.messages()
    assert all(request.json["stream"] is True for request in upstream.requests)
    assert chat.json()["choices"][0]["message"]["content"] == "Hello"
    assert chat.json()["usage"]["total_tokens"] == 12
    assert messages.json()["content"] == [{"type": "text", "text": "Hello"}]


@pytest.mark.behaviour("H5")
async def test_no_middleware_stands_around_any_route(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    async with gateway([vllm(upstream)]) as serving:
        assert cold_application(serving.runtime).user_middleware == []


async def test_cold_routes_answer_from_the_first_request_on_and_one_that_leaves_takes_none_with_it(
    tmp_path: Path,
) -> None:
    file = write_documents(tmp_path / "gateway.yaml", gateway_document([{"name": "s", "type": "Scripted"}]))
    runtime = Runtime(file, None)
    await runtime.start()
    transport = httpx.ASGITransport(app=Application(runtime))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            leaving = asyncio.create_task(client.get("/readyz"))
            await asyncio.sleep(0)
            staying = [asyncio.create_task(client.get(path)) for path in ("/readyz", "/v1/models", "/nothing")]
            leaving.cancel()
            assert [(await each).status_code for each in staying] == [200, 200, 404]
        with pytest.raises(asyncio.CancelledError):
            await leaving
    finally:
        await runtime.close()
