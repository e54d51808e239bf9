"""The Codex CLI as a client: text and a tool round trip over a chat upstream, through the Responses dialect."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.codex_cli import codex_binary
from support.gateway_files import gateway_document, model, write_documents
from support.running_gateway import Running, gateway_in_loop
from support.scripted_upstream import ScriptedUpstream, chat_chunks, sse

CONFIG = """\
model = "mock-model"
model_provider = "gw"
check_for_update_on_startup = false
web_search = "disabled"
[analytics]
enabled = false
[features]
plugins = false
apps = false
[model_providers.gw]
name = "gw"
base_url = "{url}/v1"
env_key = "GW_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
"""


def tool_call(name: str, arguments: dict[str, Any]) -> Any:
    """A chat stream that calls one tool."""
    base = {"id": "chatcmpl-up", "object": "chat.completion.chunk", "created": 1, "model": "up"}
    call = {"index": 0, "id": "call_1", "type": "function"}
    function = {"name": name, "arguments": json.dumps(arguments)}

    def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

    usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
    first = chunk({"role": "assistant", "tool_calls": [{**call, "function": function}]})
    return sse(first, chunk({}, "tool_calls"), {**base, "choices": [], "usage": usage})


async def codex(gateway: Running, home: Path, prompt: str) -> str:
    """What `codex exec PROMPT` prints, offline but for the gateway."""
    (home / "config.toml").write_text(CONFIG.format(url=gateway.url))
    command = [
        str(codex_binary()), "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", prompt,
    ]  # fmt: skip
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "CODEX_HOME": str(home), "GW_KEY": "any"}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=home, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    printed, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, printed.decode()
    return printed.decode()


@pytest.mark.behaviour("R10", "R4", "T4")
async def test_codex_runs_a_tool_and_tells_the_result_over_a_chat_upstream(tmp_path: Path) -> None:
    async with ScriptedUpstream() as upstream:
        backend = {"name": "local", "type": "VLLM", "endpoint": {"url": f"{upstream.url}/v1"}}
        document = gateway_document([backend], models=[model("m", "local")])
        file = write_documents(tmp_path / "gateway.yaml", document)
        upstream.answers += [
            tool_call("exec_command", {"cmd": "echo codex-ran-$((40+2))"}),
            chat_chunks("All ", "done."),
        ]
        home = tmp_path / "home"
        home.mkdir()
        async with gateway_in_loop(file) as gateway:
            printed = await codex(gateway, home, "run it")
    assert "All done." in printed
    first, second = (request.json for request in upstream.requests)
    assert "exec_command" in [tool["function"]["name"] for tool in first["tools"]]
    assert [message["role"] for message in first["messages"]].count("system") <= 1
    result = second["messages"][-1]
    assert result["role"] == "tool"
    assert "codex-ran-42" in result["content"]
