"""kill -9 in mid-stream, restart: the sessions of that time start afresh, are told so, and nobody else is."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from support.free_port import free_port
from support.gateway_files import gateway_document, model, write_documents
from support.running_gateway import gateway_process


def ask(url: str, session: str, upstream: str = "quick") -> httpx.Response:
    body = {"model": upstream, "messages": [{"role": "user", "content": "word " * 40}]}
    return httpx.post(f"{url}/v1/chat/completions", json=body, headers={"x-session-id": session}, timeout=20)


@pytest.mark.behaviour("H2", "S3")
def test_after_a_crash_the_interrupted_session_starts_afresh_and_a_background_response_is_closed(
    tmp_path: Path,
) -> None:
    models = [model("quick", "s", upstream="scripted"), model("slow", "s", upstream="scripted-slow")]
    store = {"local": {"path": str(tmp_path / "state.db")}}
    policy = {"sessions": {"suspendWithin": "1ms"}}  # only what ran at the very moment of the last beat
    document = gateway_document([{"name": "s", "type": "Scripted"}], models=models, store=store, policy=policy)
    file = write_documents(tmp_path / "gateway.yaml", document)
    port = free_port()
    with gateway_process(["-f", str(file)], port=port) as running:
        created = httpx.post(
            f"{running.url}/v1/responses", json={"model": "slow", "input": "word " * 400, "background": True}
        ).json()
        body = {"model": "slow", "stream": True, "messages": [{"role": "user", "content": "word " * 400}]}
        headers = {"x-session-id": "interrupted"}
        with httpx.stream("POST", f"{running.url}/v1/chat/completions", json=body, headers=headers) as answer:
            next(answer.iter_text())
            assert running.process is not None
            running.process.kill()
            running.process.wait()
    with gateway_process(["-f", str(file)], port=port) as running:
        found = httpx.get(f"{running.url}/v1/responses/{created['id']}").json()
        stream = httpx.get(f"{running.url}/v1/responses/{created['id']}", params={"stream": "true"}).text
        first, second = ask(running.url, "interrupted"), ask(running.url, "interrupted")
        other = ask(running.url, "other")
    assert found["status"] == "failed"
    numbers = [int(each) for each in re.findall(r'"sequence_number":(\d+)', stream)]
    assert numbers == list(range(len(numbers)))
    assert stream.rpartition("event: ")[2].startswith("response.failed\n")
    assert first.headers["x-llmgateway-session-suspended"] == "crash"
    assert "x-llmgateway-session-suspended" not in second.headers
    assert "x-llmgateway-session-suspended" not in other.headers


@pytest.mark.behaviour("H2")
def test_after_a_clean_end_nothing_is_suspended(tmp_path: Path) -> None:
    store = {"local": {"path": str(tmp_path / "state.db")}}
    models = [model("quick", "s", upstream="scripted")]
    document = gateway_document([{"name": "s", "type": "Scripted"}], models=models, store=store)
    file = write_documents(tmp_path / "gateway.yaml", document)
    port = free_port()
    with gateway_process(["-f", str(file)], port=port) as running:
        ask(running.url, "calm")
    with gateway_process(["-f", str(file)], port=port) as running:
        again = ask(running.url, "calm")
        report = httpx.get(f"{running.url}/v1/context", params={"session_id": "calm"}).json()
    assert "x-llmgateway-session-suspended" not in again.headers
    assert report["turns"] == 2
