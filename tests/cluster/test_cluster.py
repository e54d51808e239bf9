"""The cluster itself: what the other tests of this folder rely on. The pods run the Valkey image."""

from __future__ import annotations

from typing import Any

from support.kubectl import Kubectl, KubectlError, wait_until

IMAGE = "docker.io/valkey/valkey:8"
RESTRICTED = {
    "runAsNonRoot": True,
    "runAsUser": 999,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def _store(name: str, **pod: Any) -> dict[str, Any]:
    """A Valkey server as one pod, under the "restricted" Pod Security Standard."""
    container = {
        "name": "valkey",
        "image": IMAGE,
        "args": ["--save", ""],
        "ports": [{"containerPort": 6379}],
        "readinessProbe": {"exec": {"command": ["valkey-cli", "ping"]}, "periodSeconds": 1},
        "securityContext": RESTRICTED,
    }
    metadata = {"name": name, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container], **pod}}


def _service(name: str) -> dict[str, Any]:
    spec = {"selector": {"app": name}, "ports": [{"port": 6379}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def _wait_until_ready(kubectl: Kubectl, *pods: str) -> None:
    names = [f"pod/{pod}" for pod in pods]
    kubectl.run("wait", "--for=condition=Ready", "--timeout=90s", "-n", kubectl.namespace, *names)


def _execute(kubectl: Kubectl, pod: str, *command: str) -> str:
    return kubectl.run("exec", pod, "-n", kubectl.namespace, "--", *command).strip()


def _wait_for_answer(kubectl: Kubectl, pod: str, command: list[str], answer: str) -> None:
    """A Service refuses until all nodes know that its pod is ready; a changed Secret takes a minute or two."""

    def is_given() -> bool:
        try:
            return _execute(kubectl, pod, *command) == answer
        except KubectlError:
            return False

    wait_until(is_given, 150, f"{answer} from {' '.join(command)} in {pod}")


def test_a_pod_reaches_another_by_the_name_of_its_service(kubectl: Kubectl) -> None:
    kubectl.apply([_store("store"), _service("store"), _store("client")])
    _wait_until_ready(kubectl, "store", "client")
    host = f"store.{kubectl.namespace}.svc.cluster.local"
    _wait_for_answer(kubectl, "client", ["valkey-cli", "-h", host, "set", "key", "value"], "OK")
    assert _execute(kubectl, "client", "valkey-cli", "-h", "store", "get", "key") == "value"


def test_a_pod_reaches_itself_through_its_service(kubectl: Kubectl) -> None:
    kubectl.apply([_store("store"), _service("store")])
    _wait_until_ready(kubectl, "store")
    _wait_for_answer(kubectl, "store", ["valkey-cli", "-h", "store", "ping"], "PONG")


def test_every_node_runs_pods_and_returns_their_logs(kubectl: Kubectl) -> None:
    nodes = [node["metadata"]["name"] for node in kubectl.items("nodes")]
    kubectl.apply([_store(f"on-{name}", nodeName=name) for name in nodes])
    _wait_until_ready(kubectl, *(f"on-{name}" for name in nodes))
    for name in nodes:
        assert "Ready to accept connections" in kubectl.run("logs", f"on-{name}", "-n", kubectl.namespace)


def test_a_secret_is_mounted_and_its_change_arrives(kubectl: Kubectl) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}}
    volume = {"name": "key", "secret": {"secretName": "key"}}
    pod = _store("reader", volumes=[volume])
    pod["spec"]["containers"][0]["volumeMounts"] = [{"name": "key", "mountPath": "/key"}]
    kubectl.apply([{**secret, "stringData": {"value": "first"}}, pod])
    _wait_until_ready(kubectl, "reader")
    assert _execute(kubectl, "reader", "cat", "/key/value") == "first"
    kubectl.apply({**secret, "stringData": {"value": "second"}})
    _wait_for_answer(kubectl, "reader", ["cat", "/key/value"], "second")
