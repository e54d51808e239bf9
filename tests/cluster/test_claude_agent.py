"""Claude's own program as a backend, in pods as a cluster admin runs them: read-only root, numeric user, no tools."""

from __future__ import annotations

import json
from pathlib import Path

from support.cluster.end_to_end.client_pods import execute
from support.cluster.end_to_end.gateways import RunningGateway, gateway, secret
from support.cluster.end_to_end.port_forward import port_forward
from support.cluster.end_to_end.served import request
from support.cluster.project_images import AGENT, tag
from support.kubectl import Kubectl, wait_until

FAR = 4102444800000  # 2100, in milliseconds
AGENT_FILE = ".credentials.json"
MODELS = [{"name": "claude", "backendRefs": [{"name": "agent", "model": "scripted"}]}]
QUESTION = {"model": "claude", "max_tokens": 50, "messages": [{"role": "user", "content": "hello"}]}


def test_the_agent_answers_from_a_restricted_pod_and_takes_a_rotated_login(gateways: Kubectl, tmp_path: Path) -> None:
    gateways.apply([_login("sk-ant-oat01-first"), gateway("upstream"), _agent_gateway()])
    upstream, agent = RunningGateway(gateways, "upstream"), RunningGateway(gateways, "agent")
    upstream.wait_until_ready()
    agent.wait_until_ready()
    [pod] = agent.pod_names()
    with port_forward(gateways, "service/agent-gateway", tmp_path) as url:
        answer = request(f"{url}/v1/messages", "none", QUESTION)
        assert answer["content"][-1]["type"] == "text" and answer["usage"]["output_tokens"] > 0
        assert _health(url)["state"] == "ok"
        gateways.apply(_login("sk-ant-oat01-second"))
        wait_until(lambda: "second" in _copy(gateways, pod), 120, "the new login in the pod")
        assert request(f"{url}/v1/messages", "none", QUESTION)["content"]
    assert execute(gateways, pod, "id", "-u") == "1001"
    assert agent.pod_names() == [pod] and agent.restarts() == 0


def _agent_gateway() -> dict[str, object]:
    backend = {
        "name": "agent",
        "type": "ClaudeAgent",
        "endpoint": {"serviceRef": {"name": "upstream-gateway", "port": 8080}},
        "credentialRef": {"kind": "Secret", "name": "login", "key": AGENT_FILE},
        "sessionPool": {"size": 2},
    }
    image = {"repository": f"docker.io/llmgateway/{AGENT}", "tag": tag()}
    resources = {"limits": {"memory": "1Gi"}}
    template = {"spec": {"containers": [{"name": "gateway", "resources": resources}]}}
    return gateway("agent", backend, models=MODELS, image=image, podTemplate=template)


def _login(token: str) -> dict[str, object]:
    """As an LLMCredential's target has it: nothing in it that a pod could refresh."""
    login = {"accessToken": token, "refreshToken": "", "expiresAt": FAR, "scopes": ["user:inference", "user:profile"]}
    return secret("login", **{AGENT_FILE: json.dumps({"claudeAiOauth": login})})


def _health(url: str) -> dict[str, str]:
    return dict(request(f"{url}/health", "none")["backends"]["agent"]["sessions"])


def _copy(kubectl: Kubectl, pod: str) -> str:
    """The login as the sessions' program reads it."""
    return execute(kubectl, pod, "sh", "-c", f"cat /tmp/llmgateway-agent-*/login/{AGENT_FILE}")
