"""Configuration and Secrets change while requests run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.gateway_files import gateway_document, model, secret_document, write_documents
from support.scripted_upstream import Scripted, ScriptedUpstream, chat_chunks, whole
from unit.server.conftest import Gateway, vllm

ANSWER = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]}


async def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"did not happen within {seconds} s"
        await asyncio.sleep(0.02)


async def test_a_change_takes_effect_and_running_streams_end_on_what_they_began_with(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    async with ScriptedUpstream() as second, gateway([vllm(upstream)]) as serving:
        pieces = chat_chunks("Hel", "lo").pieces
        upstream.answers.append(Scripted([*pieces[:2], 1.5, *pieces[2:]]))
        second.answers.append(whole(ANSWER))
        running = asyncio.create_task(serving.chat(stream=True))
        await asyncio.sleep(0.2)
        before = serving.runtime.revision
        write_documents(serving.file, gateway_document([vllm(second, "new")], models=[model("m", "new")]))
        await eventually(lambda: serving.runtime.revision != before)
        assert (await serving.chat()).headers["x-llmgateway-backend"] == "new"
        assert (await running).text.endswith("data: [DONE]\n\n")


async def test_an_invalid_change_is_refused_and_told(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    upstream.answers.append(whole(ANSWER))
    async with gateway([vllm(upstream)]) as serving:
        write_documents(serving.file, gateway_document([{"name": "x", "type": "Vllm"}]))
        await eventually(lambda: bool(serving.runtime.errors))
        assert (await serving.chat()).status_code == 200
        health = (await serving.client.get("/health")).json()
        metrics = (await serving.client.get("/metrics")).text
        assert health["configuration"]["valid"] is False
        assert "spec.backends[0].type" in health["configuration"]["errors"][0]
        assert "llmgateway_configuration_valid 0.0" in metrics
        write_documents(serving.file, gateway_document([vllm(upstream)], models=[model("m", "local")]))
        await eventually(lambda: not serving.runtime.errors)
        assert (await serving.client.get("/health")).json()["status"] == "ok"


@pytest.mark.behaviour("R12")
async def test_changed_keys_count_from_the_next_request_on(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    auth = {"apiKeys": {"secretRef": {"name": "clients"}}}
    reference = {"kind": "Secret", "name": "up", "key": "k"}
    documents = [secret_document("clients", alice="old"), secret_document("up", k="one")]
    upstream.answers += [whole(ANSWER) for _ in range(2)]
    backends = [vllm(upstream, credentialRef=reference)]
    async with gateway(backends, auth=auth, documents=documents) as serving:
        serving.client.headers["x-api-key"] = "old"
        assert (await serving.chat()).status_code == 200
        write_documents(
            serving.file,
            gateway_document(backends, auth=auth, models=[model("m", "local")]),
            secret_document("clients", alice="new"),
            secret_document("up", k="two"),
        )
        await eventually(lambda: serving.runtime.secrets.value("clients", "alice") == "new")
        assert (await serving.chat()).status_code == 401
        serving.client.headers["x-api-key"] = "new"
        assert (await serving.chat()).status_code == 200
    assert [request.headers["authorization"] for request in upstream.requests] == ["Bearer one", "Bearer two"]


@pytest.mark.behaviour("O4")
async def test_a_request_that_meets_401_with_a_rotated_credential_is_sent_again_with_the_new_one(
    gateway: Gateway, upstream: ScriptedUpstream, tmp_path: Path
) -> None:
    key = tmp_path / "secrets" / "up" / "k"
    key.parent.mkdir(parents=True)
    key.write_text("old")
    upstream.answers += [whole({"error": {"message": "expired"}}, 401), whole(ANSWER)]
    upstream.answers += [whole({"error": {"message": "expired"}}, 401)]
    backend = vllm(upstream, credentialRef={"kind": "Secret", "name": "up", "key": "k"})
    async with gateway([backend], secrets=tmp_path / "secrets") as serving:
        key.write_text("new")
        serving.runtime.secrets.value("up", "k")
        first = await serving.chat()
        second = await serving.chat()
    assert (first.status_code, second.status_code) == (200, 401)
    sent = [request.headers["authorization"] for request in upstream.requests]
    assert sent == ["Bearer old", "Bearer new", "Bearer new"]
