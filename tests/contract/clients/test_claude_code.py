"""Claude Code (the CLI that the Agent SDK's package carries) as a client: text, a tool round trip, a wrong key."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from support.gateway_files import gateway_document, model, secret_document, write_documents
from support.running_gateway import Running, gateway_process


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An OpenAI-compatible upstream in another process behind a gateway with keys."""
    folder: Path = tmp_path_factory.mktemp("claude-code")
    with gateway_process() as upstream:
        backend = {"name": "local", "type": "VLLM", "endpoint": {"url": f"{upstream.url}/v1"}}
        auth = {"apiKeys": {"secretRef": {"name": "clients"}}}
        document = gateway_document([backend], models=[model("coder", "local", aliases=["claude-*"])], auth=auth)
        file = write_documents(folder / "gateway.yaml", document, secret_document("clients", cli="cli-key"))
        with gateway_process(["-f", str(file)]) as running:
            yield running


def claude(gateway: Running, home: Path, prompt: str, key: str = "cli-key") -> dict[str, object]:
    """`claude -p PROMPT`, offline but for the gateway; its JSON result."""
    binary = files("claude_agent_sdk").joinpath("_bundled", "claude")
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(home), "ANTHROPIC_BASE_URL": gateway.url, "ANTHROPIC_API_KEY": key,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "CLAUDE_CONFIG_DIR": str(home / "claude"),
    }  # fmt: skip
    done = subprocess.run(
        [str(binary), "-p", prompt, "--output-format", "json", "--allowedTools", "Bash"],
        cwd=home, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


@pytest.mark.behaviour("R10")
def test_claude_code_gets_its_answer_from_an_openai_compatible_upstream(gateway: Running, tmp_path: Path) -> None:
    result = claude(gateway, tmp_path, "hello there")
    assert result["is_error"] is False
    assert str(result["result"]).startswith("You said:")
    assert "hello there" in str(result["result"])


@pytest.mark.behaviour("R10", "T1", "T3")
def test_claude_code_runs_a_tool_that_the_model_calls_and_tells_it_the_result(gateway: Running, tmp_path: Path) -> None:
    result = claude(gateway, tmp_path, "call the tool Bash")
    assert result["is_error"] is False
    assert str(result["result"]).startswith("The tool said:")
    assert result["num_turns"] == 2


@pytest.mark.behaviour("R10", "R13")
def test_a_wrong_key_ends_claude_code_at_once_instead_of_ten_retries(gateway: Running, tmp_path: Path) -> None:
    result = claude(gateway, tmp_path, "hello", key="wrong")
    assert result["is_error"] is True
    assert int(str(result["duration_ms"])) < 20_000
