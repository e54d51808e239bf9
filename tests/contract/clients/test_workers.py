"""`llmgateway serve --workers N`: replicas behind one socket that look like one gateway."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from support.gateway_files import gateway_document, model, write_documents
from support.kubectl import wait_until
from support.running_gateway import Running, gateway_process

SERIES = re.compile(r"^llmgateway_requests_total\{(.*)\} (\S+)$", re.MULTILINE)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    backend = {"name": "s", "type": "Scripted"}
    models = [model("quick", "s", upstream="scripted"), model("slow", "s", upstream="scripted-slow")]
    document = gateway_document([backend], models=models, store={"local": {"path": str(tmp_path / "state.db")}})
    return write_documents(tmp_path / "gateway.yaml", document)


def ask(url: str, text: str, **fields: object) -> httpx.Response:
    """Over a connection of its own: any worker may get it."""
    body = {"model": "quick", "messages": [{"role": "user", "content": text}], **fields}
    return httpx.post(f"{url}/v1/chat/completions", json=body, timeout=20)


def served(url: str) -> float:
    text = httpx.get(f"{url}/metrics").text
    assert 'llmgateway_streams{worker="0"}' in text and 'llmgateway_streams{worker="1"}' in text
    return sum(float(count) for _, count in SERIES.findall(text))


def children(running: Running) -> list[int]:
    assert running.process is not None
    pid = running.process.pid
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_every_scrape_tells_what_all_workers_have_served(file: Path) -> None:
    with gateway_process(["-f", str(file), "--workers", "2"]) as running:
        assert [ask(running.url, "hello").status_code for _ in range(30)] == [200] * 30
        assert {served(running.url) for _ in range(10)} == {30.0}
        assert len(children(running)) == 2


def test_a_conversation_goes_on_whichever_worker_gets_the_turn(file: Path) -> None:
    with gateway_process(["-f", str(file), "--workers", "2"]) as running:
        for turn in range(12):
            assert ask(running.url, f"turn {turn}", conversation_id="shared").status_code == 200
        found = httpx.get(f"{running.url}/v1/conversations/shared").json()
    said = re.findall(r"turn \d+", str(found))
    assert [f"turn {turn}" for turn in range(12)] == list(dict.fromkeys(said))


def test_a_worker_that_is_killed_is_replaced(file: Path) -> None:
    with gateway_process(["-f", str(file), "--workers", "2"]) as running:
        victim, other = children(running)
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: len(children(running)) == 2 and victim not in children(running), 10, "another worker")
        assert other in children(running)
        wait_until(lambda: 'worker="0"' in httpx.get(f"{running.url}/metrics").text, 10, "its metrics")
        assert ask(running.url, "hello").status_code == 200


def test_streams_end_whole_when_all_workers_drain(file: Path) -> None:
    with gateway_process(["-f", str(file), "--workers", "2"]) as running:
        assert running.process is not None
        body = {"model": "slow", "stream": True, "messages": [{"role": "user", "content": "word " * 30}]}
        with httpx.stream("POST", f"{running.url}/v1/chat/completions", json=body, timeout=20) as answer:
            pieces = answer.iter_text()
            text = next(pieces)
            running.process.send_signal(signal.SIGTERM)
            text += "".join(pieces)
        assert text.endswith("data: [DONE]\n\n")
        assert running.process.wait(timeout=15) == 0


def test_workers_end_with_their_parent(file: Path) -> None:
    with gateway_process(["-f", str(file), "--workers", "2"]) as running:
        assert running.process is not None
        workers = children(running)
        running.process.kill()
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), 15, "the end of the workers")


def test_what_workers_cannot_share_is_refused(tmp_path: Path) -> None:
    file = write_documents(tmp_path / "alone.yaml", gateway_document([{"name": "s", "type": "Scripted"}]))
    for number, reason in (("2", "spec.store"), ("none", "auto")):
        command = [sys.executable, "-m", "llmgateway", "serve", "-f", str(file), "--workers", number, "--port", "1"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode in (1, 2) and reason in done.stderr
