"""What the process says of its requests: one JSON object a line, and nothing of what was said in them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.gateway_files import gateway_document, model, write_documents
from support.kubectl import wait_until
from support.running_gateway import Running, gateway_process

SCRIPTED = {"name": "scripted", "type": "Scripted"}
ENDPOINT = {"url": "http://127.0.0.1:9/v1"}
NOWHERE = {"name": "nowhere", "type": "OpenAI", "endpoint": ENDPOINT, "retry": {"attempts": 1}}
MESSAGE = {"role": "user", "content": "a secret of the client's"}
STAGE = re.compile(r"[a-z]+;dur=\d+\.\d\d")


def lines(running: Running, count: int) -> list[dict[str, Any]]:
    """The lines of so many requests, which are written a moment after their answers."""

    def found() -> list[dict[str, Any]]:
        printed = [json.loads(line) for line in running.printed().splitlines() if line.startswith("{")]
        return [line for line in printed if line["logger"] == "llmgateway.access"]

    wait_until(lambda: len(found()) >= count, 10, "lines of requests")
    return found()


def ask(running: Running, name: str, **fields: Any) -> httpx.Response:
    document = {"model": name, "messages": [MESSAGE], **fields}
    return httpx.post(f"{running.url}/v1/chat/completions", json=document, headers={"x-request-id": name})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    models = [model("good", "scripted"), model("away", "nowhere")]
    return write_documents(tmp_path / "gateway.yaml", gateway_document([SCRIPTED, NOWHERE], models=models))


def test_a_request_leaves_one_line_of_facts(file: Path) -> None:
    with gateway_process(["-f", str(file)]) as running:
        answer = ask(running, "good", logit_bias={"1": 1})
        (line,) = lines(running, 1)
    assert answer.status_code == 200
    assert (line["level"], line["message"], line["request_id"]) == ("INFO", "request", "good")
    assert (line["client"], line["dialect"], line["model"], line["backend"]) == (
        "anonymous", "chat", "good", "scripted",
    )  # fmt: skip
    assert (line["status"], line["stream"], line["finish"]) == (200, False, "stop")
    usage = answer.json()["usage"]
    assert (line["input_tokens"], line["output_tokens"]) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    stages = line["stages"].split(", ")
    assert all(STAGE.fullmatch(stage) for stage in stages)
    assert stages[: len(stages) - 1] == answer.headers["server-timing"].split(", ")[: len(stages) - 1]
    assert sum(float(stage.partition("=")[2]) for stage in stages) <= line["seconds"] * 1000 + 0.1
    assert "failure" not in line
    assert "secret" not in json.dumps(line)


def test_a_failure_is_told_with_its_reason(file: Path) -> None:
    with gateway_process(["-f", str(file)]) as running:
        answer = ask(running, "away")
        (line,) = lines(running, 1)
    assert (line["status"], line["finish"]) == (answer.status_code, None)
    assert line["failure"]["kind"] == "overloaded"
    assert line["failure"]["upstream"] is False
    assert "nowhere" in line["failure"]["message"]


def test_with_a_higher_level_requests_leave_no_line(file: Path) -> None:
    with gateway_process(["-f", str(file)], environment={"LLMGATEWAY_LOG_LEVEL": "WARNING"}) as running:
        assert ask(running, "good").status_code == 200
        assert running.process is not None
        running.process.terminate()
        running.process.wait(timeout=10)
        assert "llmgateway.access" not in running.printed()


def test_the_stages_of_a_line_are_observed_in_the_histogram(file: Path) -> None:
    with gateway_process(["-f", str(file)]) as running:
        ask(running, "good")
        (line,) = lines(running, 1)
        metrics = httpx.get(f"{running.url}/metrics").text
    for stage in line["stages"].split(", "):
        assert f'llmgateway_stage_seconds_count{{stage="{stage.partition(";")[0]}"}} 1.0' in metrics
