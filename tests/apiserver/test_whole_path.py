"""The whole path: `kubectl apply` of the quickstart, the operator's children, and the SDKs through the gateway that
they describe, to an upstream in another process."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from support.kubectl import Kubectl, wait_until
from support.operator_process import install_crds, running_operator
from support.pod_on_host import gateway_of
from support.running_gateway import gateway_process
from support.shared_control_plane import SharedControlPlane

QUICKSTART = Path(__file__).parents[2] / "examples" / "quickstart.yaml"
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


@pytest.fixture
def gateway_url(control_plane: SharedControlPlane, kubectl: Kubectl, namespace: str, tmp_path: Path) -> Iterator[str]:
    """The quickstart as it is, but for the address of its vLLM server, which the test itself runs."""
    install_crds(control_plane.kubeconfig)
    with running_operator(control_plane.kubeconfig, tmp_path / "operator.log", [namespace]), gateway_process() as vllm:
        kubectl.apply(QUICKSTART)
        change = [{"op": "replace", "path": "/spec/backends/0/endpoint/url", "value": f"{vllm.url}/v1"}]
        kubectl.run("patch", "llmgateway", "demo", "-n", namespace, "--type=json", "-p", json.dumps(change))
        wait_until(lambda: vllm.url in _configuration(kubectl), 30, "the patched address in the ConfigMap")
        deployment = wait_until(lambda: kubectl.find("deployment", "demo-gateway"), 30, "the Deployment")
        with gateway_of(deployment, kubectl, tmp_path / "pod") as running:
            yield running.url


def _configuration(kubectl: Kubectl) -> str:
    found = kubectl.find("configmap", "demo-gateway")
    return found["data"]["gateway.yaml"] if found else ""


@pytest.mark.behaviour("O1", "R6")
def test_the_applied_quickstart_serves_both_official_sdks(gateway_url: str, kubectl: Kubectl) -> None:
    key = base64.b64decode(kubectl.get("secret", "client-keys")["data"]["alice"]).decode()
    with openai.OpenAI(base_url=f"{gateway_url}/v1", api_key=key, max_retries=0) as client:
        _chat_with_openai(client)
    with anthropic.Anthropic(base_url=gateway_url, api_key=key, max_retries=0) as client:
        _chat_with_anthropic(client)
    with openai.OpenAI(base_url=f"{gateway_url}/v1", api_key="not a key", max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError):
            stranger.models.list()


def _chat_with_openai(client: openai.OpenAI) -> None:
    asked: Any = [{"role": "user", "content": "hello there"}]
    whole = client.chat.completions.create(model="coder", messages=asked)
    assert whole.choices[0].message.content == "You said: hello there"
    with client.chat.completions.create(model="gpt-4o", messages=asked, stream=True) as stream:
        assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "You said: hello there"
    tools: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": WEATHER}}]
    asked = [{"role": "user", "content": "call the tool get_weather"}]
    with client.chat.completions.stream(model="coder", messages=asked, tools=tools) as stream:
        calls = stream.get_final_completion().choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].function.name == "get_weather"


def _chat_with_anthropic(client: anthropic.Anthropic) -> None:
    asked: Any = [{"role": "user", "content": "hello there"}]
    whole = client.messages.create(model="claude-sonnet", max_tokens=100, messages=asked)
    assert whole.content[0].to_dict() == {"type": "text", "text": "You said: hello there"}
    tools: Any = [{"name": "get_weather", "input_schema": WEATHER}]
    asked = [{"role": "user", "content": "call the tool get_weather"}]
    with client.messages.stream(model="coder", max_tokens=100, messages=asked, tools=tools) as stream:
        final = stream.get_final_message()
    assert final.stop_reason == "tool_use"
    assert final.content[-1].to_dict()["input"] == {"city": "example"}
