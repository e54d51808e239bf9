"""The GitOps examples on a real API server with the real operator: after they settle, Git and cluster agree."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from charts.health_checks import GITOPS, argo_health, flux_health
from support.kubectl import Kubectl, KubectlError, wait_until
from support.operator_process import install_crds, running_operator
from support.shared_control_plane import SharedControlPlane

FOLDER = str(GITOPS / "gateways")


@pytest.fixture(scope="module")
def operated(control_plane: SharedControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """The example's namespace with an operator."""
    install_crds(control_plane.kubeconfig)
    kubectl = Kubectl(control_plane.kubeconfig, "models")
    kubectl.run("apply", "--server-side", "-f", str(GITOPS / "gateways" / "namespace.yaml"))
    log = tmp_path_factory.mktemp("gitops") / "operator.log"
    with running_operator(control_plane.kubeconfig, log, ["models"]):
        yield kubectl
    kubectl.run("delete", "namespace", "models", "--wait=false")


@pytest.fixture
def models(operated: Kubectl) -> Kubectl:
    """Settled: Git is applied as Flux and Argo CD do, and the operator has seen it."""
    apply(operated)
    wait_until(lambda: looked_at(operated.get("llmgateway", "chat")), 30, "the operator's look at the gateway")
    wait_until(lambda: looked_at(operated.get("llmcredential", "login")), 30, "the operator's look at the credential")
    return operated


def apply(kubectl: Kubectl) -> None:
    kubectl.run("apply", "--server-side", "--force-conflicts", "--field-manager=gitops", "-k", FOLDER)


def looked_at(resource: dict[str, Any]) -> bool:
    return bool(resource.get("status", {}).get("observedGeneration") == resource["metadata"]["generation"])


def generations(kubectl: Kubectl) -> list[int]:
    return [each["metadata"]["generation"] for each in kubectl.items("llmgateways,llmcredentials")]


def test_after_it_has_settled_git_and_cluster_show_no_difference(models: Kubectl) -> None:
    assert models.run("diff", "-k", FOLDER) == ""
    assert models.run("diff", "--server-side", "--field-manager=gitops", "-k", FOLDER) == ""
    models.run("annotate", "llmcredential", "login", "-n", "models", "llmgateway.dev/refresh-at=2026-01-01T00:00:00Z")
    assert models.run("diff", "--server-side", "--field-manager=gitops", "-k", FOLDER) == ""
    before = generations(models)
    apply(models)
    assert generations(models) == before


def test_a_change_by_hand_is_seen(models: Kubectl) -> None:
    models.run("scale", "llmgateway", "chat", "-n", "models", "--replicas=3")
    with pytest.raises(KubectlError):
        models.run("diff", "-k", FOLDER)


def test_both_tools_wait_for_what_is_missing_and_say_what_it_is(models: Kubectl) -> None:
    gateway = models.get("llmgateway", "chat")
    assert (argo_health(gateway)[0], flux_health(gateway)) == ("Progressing", "InProgress")
    assert "not found" in argo_health(gateway)[1]


def test_both_tools_see_a_gateway_become_healthy(models: Kubectl) -> None:
    echo = '{"spec": {"backends": [{"name": "models", "type": "Scripted"}], "auth": null}}'
    models.run("patch", "llmgateway", "chat", "-n", "models", "--type=merge", "-p", echo)

    def health() -> tuple[str, str]:
        for pod in models.items("pods", selector="app.kubernetes.io/instance=chat"):
            start(models, pod["metadata"]["name"])
        gateway = models.get("llmgateway", "chat")
        return argo_health(gateway)[0], flux_health(gateway)

    wait_until(lambda: health() == ("Healthy", "Current"), 60, "health")


def start(kubectl: Kubectl, pod: str) -> None:
    """There are no nodes: somebody has to say that the pod runs."""
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    patch = json.dumps({"status": {"phase": "Running", "conditions": [ready]}})
    where = ("-n", kubectl.namespace, "--subresource=status", "--type=merge", "-p", patch)
    with contextlib.suppress(KubectlError):  # it may be gone: a rollout replaces the ones that lack their Secrets
        kubectl.run("patch", "pod", pod, *where)
