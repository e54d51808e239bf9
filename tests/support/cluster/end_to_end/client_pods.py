"""Pods that are a gateway's clients, and other programs of the tests that run in a pod: scripts on the client image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.cluster.project_images import tag
from support.kubectl import Document, Kubectl, wait_until

SUPPORT = Path(__file__).parents[2]
HERE = Path(__file__).parent
SCRIPTS = "/scripts"
RESTRICTED = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def client_image() -> str:
    return f"docker.io/llmgateway/client:{tag()}"


def scripts(name: str, *files: Path) -> Document:
    """A ConfigMap with Python files, by their names."""
    data = {each.name: each.read_text() for each in files}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def script_pod(
    name: str, config_map: str, command: Sequence[str], *, ready: Sequence[str] = (), **pod: Any
) -> dict[str, Any]:
    """A pod that runs `python3 <command>` in the folder of the scripts; Ready once the command `ready` succeeds."""
    container: dict[str, Any] = {
        "name": "python",
        "image": client_image(),
        "command": ["python3", *command],
        "workingDir": SCRIPTS,
        "securityContext": RESTRICTED,
        "volumeMounts": [{"name": "scripts", "mountPath": SCRIPTS}, {"name": "tmp", "mountPath": "/tmp"}],
    }
    if ready:
        container["readinessProbe"] = {"exec": {"command": list(ready)}, "periodSeconds": 1, "timeoutSeconds": 5}
    spec = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "containers": [container],
        "volumes": [{"name": "scripts", "configMap": {"name": config_map}}, {"name": "tmp", "emptyDir": {}}],
        **pod,
    }
    metadata = {"name": name, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def wait_for_phase(kubectl: Kubectl, pod: str, timeout: float) -> str:
    """Succeeded or Failed. Raises TimeoutError (seconds)."""

    def phase() -> str | None:
        now: str = kubectl.get("pod", pod)["status"]["phase"]
        return now if now in ("Succeeded", "Failed") else None

    return wait_until(phase, timeout, f"the end of pod {pod}")


def wait_for_readiness(kubectl: Kubectl, pod: str, timeout: int) -> None:
    """Raises KubectlError (seconds)."""
    ready = ("--for=condition=Ready", f"--timeout={timeout}s", f"pod/{pod}")
    kubectl.run("wait", "-n", kubectl.namespace, *ready, timeout=timeout + 10)


def logs(kubectl: Kubectl, pod: str, *options: str) -> str:
    return kubectl.run("logs", pod, "-n", kubectl.namespace, *options)


def execute(kubectl: Kubectl, pod: str, *command: str) -> str:
    return kubectl.run("exec", pod, "-n", kubectl.namespace, "--", *command).strip()
