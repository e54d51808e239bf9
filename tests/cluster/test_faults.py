"""What nobody plans: killed processes, a silent API server. Clients get an answer or an error that says so."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError

import pytest

from support.cluster.end_to_end import killed_gateway
from support.cluster.end_to_end.api_server import can_be_stopped, stopped_api_server
from support.cluster.end_to_end.client_pods import (
    HERE,
    logs,
    script_pod,
    scripts,
    wait_for_phase,
    wait_for_readiness,
)
from support.cluster.end_to_end.gateways import KEYS, SHARED_PROCESSES, RunningGateway, auth, gateway, secret
from support.cluster.end_to_end.helm_release import OperatorRelease
from support.cluster.end_to_end.load import running_load
from support.cluster.end_to_end.port_forward import port_forward
from support.cluster.end_to_end.served import Served, request
from support.kubectl import Kubectl, KubectlError, wait_until

PARTIAL = 20
"""Gateways that are being made when their operator dies."""


@pytest.fixture
def fragile(gateways: Kubectl) -> Iterator[RunningGateway]:
    """Two pods of a gateway with the built-in model, whose processes can be killed."""
    spec = {"podTemplate": SHARED_PROCESSES, "scaling": {"replicas": 2}, "store": {"managed": {}}}
    gateways.apply([secret("client-keys", **KEYS), gateway("fragile", auth=auth("client-keys"), **spec)])
    running = RunningGateway(gateways, "fragile")
    running.wait_until_ready()
    return running


def test_a_killed_gateway_gives_errors_and_another_pod_the_rest_of_a_background_response(
    fragile: RunningGateway,
) -> None:
    kubectl = fragile.kubectl
    victim, other = fragile.pods()
    addresses = [f"http://{pod['status']['podIP']}:8080" for pod in (victim, other)]
    program = ["killed_gateway.py", *addresses, KEYS["alice"]]
    ready = ["test", "-e", str(killed_gateway.READY)]
    kubectl.apply([scripts("killed", HERE / "killed_gateway.py"), script_pod("killed", "killed", program, ready=ready)])
    wait_for_readiness(kubectl, "killed", 60)
    fragile.kill(victim["metadata"]["name"])
    assert wait_for_phase(kubectl, "killed", 120) == "Succeeded", logs(kubectl, "killed")
    seen = json.loads(logs(kubectl, "killed"))
    assert all(seen[dialect] for dialect in ("chat", "messages", "responses")), "a cut stream passed for a whole one"
    numbers = [*seen["before"], *(number for number, _ in seen["after"])]
    assert numbers == list(range(len(numbers)))
    assert seen["after"][-1][1] == "response.failed"


def test_a_killed_upstream_gives_every_stream_an_error_in_its_dialect(fragile: RunningGateway, tmp_path: Path) -> None:
    kubectl = fragile.kubectl
    backend = {
        "name": "models",
        "type": "OpenAI",
        "endpoint": {"serviceRef": {"name": "fragile-gateway", "port": 8080, "path": "/v1"}},
        "credentialRef": {"kind": "Secret", "name": "client-keys", "key": "bob"},
    }
    kubectl.apply(gateway("front", backend))
    front = RunningGateway(kubectl, "front")
    front.wait_until_ready()
    with port_forward(kubectl, "service/front-gateway", tmp_path) as url:
        with running_load(kubectl, front.address, clients=12) as load:
            for pod in fragile.pod_names():
                fragile.kill(pod)
            wait_until(lambda: fragile.restarts() >= 2, 60, "the kubelet's restarts")
            wait_until(lambda: _chats(url), 90, "the upstream, and a closed circuit")
            time.sleep(5)
    assert load.outcomes["failed"] >= load.clients
    assert load.outcomes["cut"] == 0, load.losses
    assert load.outcomes["whole"] >= load.clients


def test_an_operator_killed_in_the_middle_of_its_work_finishes_it_later(
    gateways: Kubectl, operator: OperatorRelease
) -> None:
    names = [f"partial-{number}" for number in range(PARTIAL)]
    gateways.apply([gateway(name, suspend=True) for name in names])
    wait_until(lambda: gateways.items("deployments"), 30, "the first Deployment")
    for pod in operator.pods():
        operator.kubectl.delete("pod", pod, None, "--grace-period=0", "--force")
    before = len(gateways.items("deployments"))
    gateways.run("patch", "llmgateway", names[0], "-n", gateways.namespace, "--type=merge", "-p", UNKNOWN_REJECTED)
    wait_until(lambda: _made(gateways) >= {f"{name}-gateway" for name in names}, 90, "all Deployments")
    changed = wait_until(lambda: "Reject" in _file(gateways, names[0]), 60, "the change made meanwhile")
    assert changed
    assert before < PARTIAL, "the operator was done before it was killed: make more gateways"


def test_a_silent_api_server_costs_no_stream(served: Served, kubeconfig: Path) -> None:
    if not can_be_stopped(kubeconfig):
        pytest.fail(
            "the API server of this cluster is not ours to stop: leave this test out with "
            "PYTEST_ADDOPTS='--deselect tests/cluster/test_faults.py::test_a_silent_api_server_costs_no_stream'"
        )
    with running_load(served.kubectl, served.demo.address, key=KEYS["alice"], tokens=(60, 200)) as load:
        with stopped_api_server(kubeconfig):
            time.sleep(60)
        wait_until(lambda: _answers(served.kubectl), 60, "the API server")
    served.demo.wait_until_ready()
    assert not load.losses


UNKNOWN_REJECTED = json.dumps({"spec": {"unknownModels": "Reject"}})


def _made(kubectl: Kubectl) -> set[str]:
    return {each["metadata"]["name"] for each in kubectl.items("deployments")}


def _file(kubectl: Kubectl, name: str) -> str:
    text: str = kubectl.get("configmap", f"{name}-gateway")["data"]["gateway.yaml"]
    return text


def _chats(url: str) -> bool:
    body = {"model": "scripted", "messages": [{"role": "user", "content": "hello"}]}
    try:
        return bool(request(f"{url}/v1/chat/completions", "none", body))
    except HTTPError:
        return False


def _answers(kubectl: Kubectl) -> bool:
    try:
        kubectl.run("get", "--raw=/readyz", "--request-timeout=5s")
    except KubectlError:
        return False
    return True
