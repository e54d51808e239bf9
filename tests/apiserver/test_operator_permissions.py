"""The operator works under exactly the RBAC rules it states, and can do nothing beyond them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmgateway_operator.permissions import lease_rules, rules
from support.kubectl import Kubectl, KubectlError, wait_until
from support.kubernetes_control_plane import ControlPlane
from support.kubernetes_fault_proxy import FaultProxy, Request
from support.operator_gateways import full_gateway, small_gateway
from support.operator_process import OperatorProcess, install_crds, running_operator

GRANTED = [*rules(), *lease_rules("llmgateway-operator")]
STUB_CRDS = {
    "httproutes": ("gateway.networking.k8s.io", "HTTPRoute"),
    "servicemonitors": ("monitoring.coreos.com", "ServiceMonitor"),
    "prometheusrules": ("monitoring.coreos.com", "PrometheusRule"),
}


def stub_crd(plural: str, group: str, kind: str) -> dict[str, Any]:
    """A CRD by others, as far as the operator meets it."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, a stub for tests"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
            "versions": [version],
        },
    }


def grant(kubectl: Kubectl, kind: str, name: str, granted: list[dict[str, Any]]) -> None:
    """A Role or ClusterRole with these rules, bound to the service account `operator`."""
    namespace = {} if kind == "ClusterRole" else {"namespace": kubectl.namespace}
    group = "rbac.authorization.k8s.io"
    subject = {"kind": "ServiceAccount", "name": "operator", "namespace": kubectl.namespace}
    kubectl.apply(
        [
            {"apiVersion": f"{group}/v1", "kind": kind, "metadata": {"name": name, **namespace}, "rules": granted},
            {
                "apiVersion": f"{group}/v1",
                "kind": f"{kind}Binding",
                "metadata": {"name": name, **namespace},
                "roleRef": {"apiGroup": group, "kind": kind, "name": name},
                "subjects": [subject],
            },
        ]
    )


@pytest.fixture
def administrator(own_control_plane: ControlPlane) -> Kubectl:
    kubectl = Kubectl(own_control_plane.kubeconfig)
    install_crds(own_control_plane.kubeconfig)
    kubectl.apply([stub_crd(plural, *names) for plural, names in STUB_CRDS.items()])
    for plural, (group, _) in STUB_CRDS.items():
        kubectl.run("wait", "--for=condition=Established", f"crd/{plural}.{group}", "--timeout=30s")
    kubectl.run("create", "serviceaccount", "operator", "-n", "default")
    return kubectl


@pytest.fixture
def proxy(own_control_plane: ControlPlane) -> Iterator[FaultProxy]:
    with FaultProxy(own_control_plane.identities.server, own_control_plane.folder / "pki" / "ca.crt") as between:
        yield between


def operator_kubeconfig(own_control_plane: ControlPlane, proxy: FaultProxy, folder: Path) -> Path:
    account = own_control_plane.identities.service_account("default", "operator")
    return proxy.kubeconfig(account, folder / "operator.kubeconfig")


@pytest.mark.behaviour("O1")
def test_a_namespaced_operator_uses_exactly_its_permissions_and_no_others(
    own_control_plane: ControlPlane, administrator: Kubectl, proxy: FaultProxy, tmp_path: Path
) -> None:
    grant(administrator, "Role", "operator", GRANTED)
    kubeconfig = operator_kubeconfig(own_control_plane, proxy, tmp_path)
    with running_operator(kubeconfig, tmp_path / "log", ["default"]) as operator:
        live_a_full_life(administrator)
        wait_until(operator.leads, 5, "an operator that still leads")
        assert "cannot" not in operator.log.read_text()  # nothing was refused
    seen = used(proxy.requests)
    assert seen <= granted()
    assert granted() - seen == GRANTED_ON


GRANTED_ON = {("update", "secrets")}
"""Held only because a refresh Job's Role gives it on; everything else is used."""


def live_a_full_life(kubectl: Kubectl) -> None:
    """Everything there is comes, and goes again."""
    kubectl.apply(full_gateway())
    for kind in ("deployment", "ingress", "httproute", "prometheusrule", "servicemonitor"):
        wait_until(lambda kind=kind: kubectl.find(kind, "demo-gateway"), 20, kind)
    wait_until(lambda: kubectl.get("llmgateway", "demo").get("status", {}).get("url"), 20, "a status")
    kubectl.apply(small_gateway())
    for kind in ("ingress", "httproute", "prometheusrule", "servicemonitor", "hpa", "pdb", "networkpolicy"):
        wait_until(lambda kind=kind: kubectl.find(kind, "demo-gateway") is None, 20, f"{kind} to go")
    for kind in ("deployment", "service", "secret"):
        wait_until(lambda kind=kind: kubectl.find(kind, "demo-valkey") is None, 20, f"{kind} of the store to go")
    wait_until(lambda: kubectl.find("llmcredential", "demo-login") is None, 20, "the inline credential to go")
    assert kubectl.find("pvc", "demo-valkey"), "a volume with data is never pruned"
    kubectl.apply([LOGIN, credential(enabled=True)])
    for kind in ("cronjob", "role", "rolebinding", "lease"):
        wait_until(lambda kind=kind: kubectl.find(kind, "rotating-refresh"), 20, f"the {kind} of the credential")
    wait_until(lambda: kubectl.items("job"), 20, "the first refresh Job")
    wait_until(lambda: kubectl.get("llmcredential", "rotating").get("status"), 20, "the credential's status")
    kubectl.apply(credential(enabled=False))
    for kind in ("cronjob", "role", "rolebinding"):
        wait_until(lambda kind=kind: kubectl.find(kind, "rotating-refresh") is None, 20, f"the {kind} to go")


LOGIN = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "login"},
    "stringData": {"refresh": "a-refresh-token"},
}


def credential(*, enabled: bool) -> dict[str, Any]:
    """An LLMCredential whose refreshing is on or off."""
    source = {"name": "login", "format": "Keys", "keys": {"refreshToken": "refresh"}}
    oauth = {"tokenURL": "https://issuer.example/token", "clientID": "gateway"}
    return {
        "apiVersion": "llmgateway.dev/v1alpha1",
        "kind": "LLMCredential",
        "metadata": {"name": "rotating"},
        "spec": {"type": "RefreshToken", "sourceRef": source, "oauth": oauth, "refresh": {"enabled": enabled}},
    }


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document)


def used(requests: list[Request]) -> set[tuple[str, str]]:
    """Server-side apply needs `create` as well, for what is not there yet."""
    seen = {(each.verb, each.resource) for each in requests if each.resource}
    applied = {("create", resource) for verb, resource in seen if verb == "patch" and not resource.endswith("/status")}
    return seen | applied


def granted() -> set[tuple[str, str]]:
    return {
        (verb, "/".join(part for part in (group, resource) if part))
        for rule in GRANTED
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_a_cluster_wide_operator_works_with_a_cluster_role(
    own_control_plane: ControlPlane, administrator: Kubectl, proxy: FaultProxy, tmp_path: Path
) -> None:
    grant(administrator, "ClusterRole", "operator", rules())
    grant(administrator, "Role", "operator-lease", lease_rules("llmgateway-operator"))
    administrator.run("create", "namespace", "elsewhere")
    kubeconfig = operator_kubeconfig(own_control_plane, proxy, tmp_path)
    with running_operator(kubeconfig, tmp_path / "log", []) as operator:
        administrator.run("apply", "-n", "elsewhere", "-f", "-", stdin=_json(small_gateway()))
        wait_until(lambda: administrator.find("deployment", "demo-gateway", "elsewhere"), 20, "the Deployment")
        assert "cannot" not in operator.log.read_text()


FORBIDDEN = {
    "it reads no pod by its name": ("get", "pods"),
    "it reads no logs of pods": ("get", "pods", "--subresource=log"),
    "it changes no pod": ("patch", "pods"),
    "it executes nothing": ("create", "pods", "--subresource=exec"),
    "it deletes no gateway": ("delete", "llmgateways"),
    "it edits no gateway": ("patch", "llmgateways"),
    "it puts no finalizer on a gateway": ("update", "llmgateways", "--subresource=finalizers"),
    "it deletes no volume": ("delete", "persistentvolumeclaims"),
    "it makes no tokens": ("create", "serviceaccounts", "--subresource=token"),
    "it deletes no lease": ("delete", "leases"),
    "it deletes no job": ("delete", "jobs"),
    "it makes no cluster roles": ("create", "clusterroles"),
    "it reads no namespaces": ("list", "namespaces"),
    "it changes no CRD": ("patch", "customresourcedefinitions"),
}


def test_what_the_operator_may_not_do(own_control_plane: ControlPlane, administrator: Kubectl) -> None:
    grant(administrator, "Role", "operator", GRANTED)
    account = Kubectl(own_control_plane.identities.service_account("default", "operator"), "default")
    for sentence, question in FORBIDDEN.items():
        assert not may(account, *question), sentence
    assert may(account, "get", "secrets")
    with pytest.raises(KubectlError, match="attempting to grant RBAC permissions not currently held"):
        account.run("create", "role", "more", "--verb=get", "--resource=pods", "-n", "default")
    with pytest.raises(KubectlError, match="cannot get resource"):
        account.get("secret", "any", "kube-system")


def may(account: Kubectl, *question: str) -> bool:
    try:
        account.run("auth", "can-i", *question, "-n", "default", "--quiet")
    except KubectlError:
        return False
    return True


def test_a_stand_by_needs_nothing_but_the_lease(own_control_plane: ControlPlane, tmp_path: Path) -> None:
    kubectl = Kubectl(own_control_plane.kubeconfig)
    kubectl.run("create", "serviceaccount", "operator", "-n", "default")
    grant(kubectl, "Role", "operator", lease_rules("llmgateway-operator"))
    holder = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "llmgateway-operator"},
        "spec": {"holderIdentity": "another", "leaseDurationSeconds": 3600, "renewTime": "2026-01-01T00:00:00.000000Z"},
    }
    kubectl.apply(holder)
    account = own_control_plane.identities.service_account("default", "operator")
    process = OperatorProcess(account, tmp_path / "log", "--namespace", "default")
    try:
        process.wait_until_ready(lambda: process.status("/readyz") == 200, 30)
        assert process.status("/healthz") == 200
        assert process.metric("llmgateway_operator_leader") == 0
    finally:
        process.stop()
