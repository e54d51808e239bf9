"""The GitOps examples on a real API server with the real operator: after they settle, Git and cluster agree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from charts.health_checks import GITOPS, argo_health, flux_health
from support.kubectl import Kubectl, KubectlError, wait_until
from support.operator_process import install_crds, running_operator
from support.shared_control_plane import SharedControlPlane

FOLDER = str(GITOPS / "gateways")


@pytest.fixture
def models(control_plane: SharedControlPlane, tmp_path: Path) -> Iterator[Kubectl]:
    """The example's namespace, settled: applied as Flux and Argo CD do, looked at by the operator."""
    install_crds(control_plane.kubeconfig)
    kubectl = Kubectl(control_plane.kubeconfig, "models")
    kubectl.run("apply", "--server-side", "-f", str(GITOPS / "gateways" / "namespace.yaml"))
    with running_operator(control_plane.kubeconfig, tmp_path / "operator.log", ["models"]):
        apply(kubectl)
        wait_until(lambda: looked_at(kubectl), 30, "the operator's answer to all resources")
        yield kubectl
    kubectl.run("delete", "namespace", "models", "--wait=false")


def apply(kubectl: Kubectl) -> None:
    kubectl.run("apply", "--server-side", "--field-manager=gitops", "-k", FOLDER)


def resources(kubectl: Kubectl) -> list[dict[str, Any]]:
    return kubectl.items("llmgateways,llmcredentials")


def looked_at(kubectl: Kubectl) -> bool:
    found = [
        each.get("status", {}).get("observedGeneration") == each["metadata"]["generation"]
        for each in resources(kubectl)
    ]
    return len(found) == 2 and all(found)


def test_after_it_has_settled_git_and_cluster_show_no_difference(models: Kubectl) -> None:
    assert models.run("diff", "-k", FOLDER) == ""
    assert models.run("diff", "--server-side", "--field-manager=gitops", "-k", FOLDER) == ""
    models.run("annotate", "llmcredential", "login", "-n", "models", "llmgateway.dev/refresh-at=2026-01-01T00:00:00Z")
    assert models.run("diff", "--server-side", "--field-manager=gitops", "-k", FOLDER) == ""
    before = [each["metadata"]["generation"] for each in resources(models)]
    apply(models)
    assert [each["metadata"]["generation"] for each in resources(models)] == before


def test_a_change_by_hand_is_seen(models: Kubectl) -> None:
    models.run("scale", "llmgateway", "chat", "-n", "models", "--replicas=3")
    with pytest.raises(KubectlError):
        models.run("diff", "-k", FOLDER)


def test_both_tools_judge_the_live_resources_from_missing_secrets_to_stalled(models: Kubectl) -> None:
    gateway = models.get("llmgateway", "chat")
    assert (argo_health(gateway)[0], flux_health(gateway)) == ("Progressing", "InProgress")
    credential = models.get("llmcredential", "login")
    assert (argo_health(credential)[0], flux_health(credential)) == ("Degraded", "Failed")
    assert "login-bootstrap" in argo_health(credential)[1]


def test_both_tools_see_a_gateway_become_healthy(models: Kubectl) -> None:
    for name, key in (("login-bootstrap", "refresh-token"), ("client-keys", "alice")):
        models.run("create", "secret", "generic", name, "-n", "models", f"--from-literal={key}=x")
    echo = '{"spec": {"backends": [{"name": "models", "type": "Scripted", "endpoint": null, "credentialRef": null}]}}'
    models.run("patch", "llmgateway", "chat", "-n", "models", "--type=merge", "-p", echo)
    wait_until(lambda: models.find("deployment", "chat-gateway"), 30, "the Deployment")
    ready = '{"status": {"replicas": 2, "readyReplicas": 2, "updatedReplicas": 2, "availableReplicas": 2}}'
    models.run("scale", "deployment", "chat-gateway", "-n", "models", "--replicas=2")

    def healthy() -> bool:
        models.run(
            "patch", "deployment", "chat-gateway", "-n", "models", "--subresource=status", "--type=merge", "-p", ready
        )
        gateway = models.get("llmgateway", "chat")
        return (argo_health(gateway)[0], flux_health(gateway)) == ("Healthy", "Current")

    wait_until(healthy, 30, "health")
