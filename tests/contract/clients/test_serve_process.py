"""`llmgateway serve` and `check` as processes: hints, exit codes, drain."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx

from support.gateway_files import gateway_document, model, write_documents
from support.kubectl import wait_until
from support.running_gateway import gateway_process

LLMGATEWAY = [sys.executable, "-m", "llmgateway"]


def test_the_embedded_default_answers_without_key_and_network() -> None:
    with gateway_process() as running:
        answer = httpx.post(
            f"{running.url}/v1/chat/completions",
            json={"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]},
        )
        assert answer.json()["choices"][0]["message"]["content"] == "You said: hello"
        assert running.process is not None
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(timeout=10)
        printed = running.printed()
    assert printed.count("curl ") == 3
    assert f"console     {running.url}/" in printed


def test_a_wrong_file_is_refused_with_one_line_per_error(tmp_path: Path) -> None:
    document = gateway_document([{"name": "x", "type": "Vllm"}], models=[model("m", "nobody")])
    file = write_documents(tmp_path / "wrong.yaml", document)
    for command in ("check", "serve"):
        done = subprocess.run(
            [*LLMGATEWAY, command, "-f", str(file)], capture_output=True, text=True, timeout=20, check=False
        )
        assert done.returncode == 1
        assert "spec.backends[0].type" in done.stderr


def test_check_is_silent_about_a_good_file(tmp_path: Path) -> None:
    file = write_documents(tmp_path / "good.yaml", gateway_document([{"name": "s", "type": "Scripted"}]))
    done = subprocess.run(
        [*LLMGATEWAY, "check", "-f", str(file)], capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_running_stream_ends_whole_after_sigterm(tmp_path: Path) -> None:
    """E76: the upstream (a second gateway) needs about two seconds; the signal comes in the middle."""
    with gateway_process() as upstream:
        backend = {"name": "slow", "type": "VLLM", "endpoint": {"url": f"{upstream.url}/v1"}}
        file = write_documents(
            tmp_path / "g.yaml", gateway_document([backend], models=[model("m", "slow", upstream="scripted-slow")])
        )
        with gateway_process(["-f", str(file)]) as running:
            body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "word " * 40}]}
            with httpx.stream("POST", f"{running.url}/v1/chat/completions", json=body, timeout=20) as answer:
                pieces = []
                for piece in answer.iter_text():
                    if not pieces:
                        assert running.process is not None
                        running.process.send_signal(signal.SIGTERM)
                    pieces.append(piece)
    assert "".join(pieces).endswith("data: [DONE]\n\n")


def test_readyz_says_503_while_a_stream_still_runs() -> None:
    with gateway_process() as running:
        body = {"model": "scripted-slow", "stream": True, "messages": [{"role": "user", "content": "word " * 40}]}
        assert running.process is not None
        with httpx.stream("POST", f"{running.url}/v1/chat/completions", json=body, timeout=20) as answer:
            pieces = answer.iter_text()
            next(pieces)
            running.process.send_signal(signal.SIGTERM)
            wait_until(lambda: httpx.get(f"{running.url}/readyz").status_code == 503, 2, "readyz says 503")
            assert "".join(pieces).endswith("data: [DONE]\n\n")
        running.process.wait(timeout=10)


def test_a_connection_that_is_kept_is_answered_once_more_and_then_told_to_close() -> None:
    """What a client asks next, on the connection that it has, is not met by its end halfway."""
    with gateway_process() as running, httpx.Client(base_url=running.url, timeout=20) as client:
        body = {"model": "scripted-slow", "stream": True, "messages": [{"role": "user", "content": "word " * 10}]}
        ports = []
        assert running.process is not None
        for number in range(2):
            with client.stream("POST", "/v1/messages", json={**body, "max_tokens": 99}) as answer:
                ports.append(answer.extensions["network_stream"].get_extra_info("client_addr")[1])
                pieces = answer.iter_text()
                text = next(pieces)
                if number == 0:
                    running.process.send_signal(signal.SIGTERM)
                    time.sleep(0.3)
                text += "".join(pieces)
                assert "message_stop" in text
                assert (answer.headers.get("connection") == "close") is (number == 1)
        assert ports[0] == ports[1]
        running.process.wait(timeout=10)


def test_an_idle_connection_does_not_hold_up_the_end() -> None:
    with gateway_process() as running, httpx.Client(base_url=running.url) as client:
        assert client.get("/healthz").status_code == 200
        assert running.process is not None
        running.process.send_signal(signal.SIGTERM)
        running.process.wait(timeout=10)
