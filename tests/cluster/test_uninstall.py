"""Taking everything off again leaves what docs/uninstall.md says, and nothing else. The last file of the suite: the
operator that the others share is gone afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.cluster.end_to_end import chat_with_sdks
from support.cluster.end_to_end.gateways import RunningGateway, gateway, secret
from support.cluster.end_to_end.helm_release import CRDS, DEPLOYMENT, OperatorRelease
from support.cluster.end_to_end.port_forward import port_forward
from support.kubectl import Kubectl, wait_until

OF_EVERY_NAMESPACE = {"configmap/kube-root-ca.crt", "serviceaccount/default"}
MADE_BY_THE_TEST = {"secret/source"}
TOKENS = {"secret/login-token"}
CREDENTIAL: dict[str, Any] = {
    "apiVersion": "llmgateway.dev/v1alpha1",
    "kind": "LLMCredential",
    "metadata": {"name": "login"},
    "spec": {"type": "Static", "sourceRef": {"name": "source", "keys": {"accessToken": "key"}}},
}


def test_uninstalling_leaves_what_the_documentation_says(
    gateways: Kubectl, operator: OperatorRelease, tmp_path: Path
) -> None:
    gateways.apply([secret("source", key="key"), CREDENTIAL])
    gateways.apply(gateway("left", store={"managed": {}}, availability={"podDisruptionBudget": {"minAvailable": 1}}))
    left = RunningGateway(gateways, "left")
    left.wait_until_ready()
    pods = left.pod_names()

    operator.uninstall()
    left_over = OF_EVERY_NAMESPACE | {f"lease.coordination.k8s.io/{DEPLOYMENT}"}
    wait_until(lambda: _objects(operator.kubectl) <= left_over, 60, "the operator's end")
    assert _objects(operator.kubectl) == left_over
    assert _cluster_roles(gateways) == []
    assert left.pod_names() == pods
    with port_forward(gateways, "service/left-gateway", tmp_path) as url:
        assert chat_with_sdks.chat(url, "none") == chat_with_sdks.EXPECTED

    gateways.run("delete", "llmgateways,llmcredentials", "--all", "-n", gateways.namespace)
    expected = OF_EVERY_NAMESPACE | MADE_BY_THE_TEST | TOKENS
    wait_until(lambda: _objects(gateways) <= expected, 200, "the end of all that the operator made")
    assert _objects(gateways) == expected
    gateways.run("delete", "secrets", "-n", gateways.namespace, "-l", "llmgateway.dev/credential")
    assert _objects(gateways) == expected - TOKENS

    operator.remove_crds()
    assert all(gateways.find("crd", each) is None for each in CRDS)


def _objects(kubectl: Kubectl) -> set[str]:
    """All objects of the namespace as `kind/name`; Events go by themselves."""
    kinds = kubectl.run("api-resources", "--verbs=list", "--namespaced", "-o", "name").split()
    listed = ",".join(kind for kind in kinds if not kind.startswith("events"))
    names = kubectl.run("get", listed, "-n", kubectl.namespace, "-o", "name", "--ignore-not-found").split()
    return set(names)


def _cluster_roles(kubectl: Kubectl) -> list[str]:
    """ClusterRoles and bindings of the chart."""
    kinds, selector = "clusterroles,clusterrolebindings", f"app.kubernetes.io/instance={DEPLOYMENT}"
    return kubectl.run("get", kinds, "-l", selector, "-o", "name").split()
