"""The real operator process makes a real API server hold what an LLMGateway says, and keeps it so."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.kubectl import Kubectl, wait_until
from support.operator_process import OperatorProcess, install_crds, running_operator
from support.shared_control_plane import SharedControlPlane

CHILDREN = "serviceaccount,configmap,service,deployment"


@pytest.fixture
def operator(control_plane: SharedControlPlane, namespace: str, tmp_path: Path) -> Iterator[OperatorProcess]:
    install_crds(control_plane.kubeconfig)
    with running_operator(control_plane.kubeconfig, tmp_path / "operator.log", [namespace]) as process:
        yield process
    assert "Traceback" not in process.log.read_text()


def gateway(name: str = "demo", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "llmgateway.dev/v1alpha1",
        "kind": "LLMGateway",
        "metadata": {"name": name},
        "spec": {"backends": [{"name": "echo", "type": "Scripted"}], **spec},
    }


def condition(kubectl: Kubectl, type_: str, name: str = "demo") -> dict[str, Any]:
    conditions = kubectl.get("llmgateway", name).get("status", {}).get("conditions", [])
    return next((each for each in conditions if each["type"] == type_), {})


@pytest.mark.behaviour("O1")
def test_an_applied_gateway_gets_its_children(operator: OperatorProcess, kubectl: Kubectl) -> None:
    kubectl.apply(gateway())
    deployment = wait_until(lambda: kubectl.find("deployment", "demo-gateway"), 20, "the Deployment")
    uid = kubectl.get("llmgateway", "demo")["metadata"]["uid"]
    assert deployment["metadata"]["ownerReferences"][0]["uid"] == uid
    for kind in CHILDREN.split(","):
        assert kubectl.get(kind, "demo-gateway")["metadata"]["labels"]["app.kubernetes.io/instance"] == "demo"
    config = kubectl.get("configmap", "demo-gateway")["data"]["gateway.yaml"]
    assert next(yaml.safe_load_all(config))["spec"]["backends"] == [{"name": "echo", "type": "Scripted"}]
    wait_until(lambda: condition(kubectl, "Accepted").get("status") == "True", 10, "the status")
    assert condition(kubectl, "Ready")["reason"] == "PodsStarting"


def test_an_edited_spec_reaches_the_children(operator: OperatorProcess, kubectl: Kubectl) -> None:
    kubectl.apply(gateway())
    wait_until(lambda: kubectl.find("deployment", "demo-gateway"), 20, "the Deployment")
    kubectl.apply(gateway(scaling={"replicas": 3}, models=[{"name": "m", "backendRefs": [{"name": "echo"}]}]))
    wait_until(lambda: kubectl.get("deployment", "demo-gateway")["spec"]["replicas"] == 3, 10, "three replicas")
    assert "name: m" in kubectl.get("configmap", "demo-gateway")["data"]["gateway.yaml"]


def test_a_child_edited_or_deleted_by_hand_is_put_right(operator: OperatorProcess, kubectl: Kubectl) -> None:
    kubectl.apply(gateway())
    wait_until(lambda: kubectl.find("deployment", "demo-gateway"), 20, "the Deployment")
    before = kubectl.get("configmap", "demo-gateway")["data"]
    patch = '{"data": {"gateway.yaml": "broken"}}'
    kubectl.run("patch", "configmap", "demo-gateway", "-n", kubectl.namespace, "--type=merge", "-p", patch)
    wait_until(lambda: kubectl.get("configmap", "demo-gateway")["data"] == before, 10, "the ConfigMap as it was")
    uid = kubectl.get("service", "demo-gateway")["metadata"]["uid"]
    kubectl.delete("service", "demo-gateway")
    again = wait_until(lambda: kubectl.find("service", "demo-gateway"), 10, "a new Service")
    assert again["metadata"]["uid"] != uid


def test_a_deleted_gateway_takes_everything_with_it(operator: OperatorProcess, kubectl: Kubectl) -> None:
    kubectl.apply(gateway(store={"managed": {}}))
    wait_until(lambda: kubectl.find("deployment", "demo-gateway"), 20, "the Deployment")
    kubectl.delete("llmgateway", "demo")
    selector = "app.kubernetes.io/managed-by=llmgateway-operator"
    everything = "serviceaccounts,configmaps,services,deployments,secrets,persistentvolumeclaims"
    wait_until(lambda: not kubectl.items(everything, selector=selector), 30, "garbage collection")


def test_a_missing_secret_is_named_with_its_field_until_it_is_there(
    operator: OperatorProcess, kubectl: Kubectl
) -> None:
    reference = {"kind": "Secret", "name": "upstream", "key": "token"}
    backend = {"name": "far", "type": "OpenAI", "credentialRef": reference}
    kubectl.apply(gateway(backends=[backend]))
    wait_until(lambda: condition(kubectl, "ResolvedRefs").get("reason") == "SecretNotFound", 20, "the complaint")
    sentence = 'spec.backends[0].credentialRef: Secret "upstream" not found'
    assert condition(kubectl, "Ready")["message"] == sentence
    kubectl.run("create", "secret", "generic", "upstream", "--from-literal=other=x", "-n", kubectl.namespace)
    wait_until(lambda: condition(kubectl, "ResolvedRefs").get("reason") == "SecretKeyNotFound", 10, "the missing key")
    patch = '{"stringData": {"token": "sk-secret-value"}}'
    kubectl.run("patch", "secret", "upstream", "-n", kubectl.namespace, "-p", patch)
    wait_until(lambda: condition(kubectl, "ResolvedRefs").get("status") == "True", 10, "the reference")
    assert "sk-secret-value" not in operator.log.read_text()


def test_nothing_is_written_in_steady_state(
    control_plane: SharedControlPlane, kubectl: Kubectl, namespace: str, tmp_path: Path
) -> None:
    install_crds(control_plane.kubeconfig)
    kubectl.apply(gateway(store={"managed": {}}))
    with running_operator(control_plane.kubeconfig, tmp_path / "log", [namespace], "--resync", "1") as process:
        wait_until(lambda: condition(kubectl, "Accepted").get("status") == "True", 20, "the status")
        kinds = "llmgateways,serviceaccounts,configmaps,services,deployments,secrets"

        def versions() -> dict[str, str]:
            return {
                each["kind"] + each["metadata"]["name"]: each["metadata"]["resourceVersion"]
                for each in kubectl.items(kinds)
            }

        wait_until(lambda: settled(versions), 20, "a pause")
        before, looks = versions(), process.metric("llmgateway_operator_reconciliations_total")
        applied = process.log.read_text().count(" applied ")
        wait_until(lambda: process.metric("llmgateway_operator_reconciliations_total") >= looks + 5, 30, "five resyncs")
        assert versions() == before
        assert process.log.read_text().count(" applied ") == applied
        assert "finalizers" not in kubectl.get("llmgateway", "demo")["metadata"]
        assert "annotations" not in kubectl.get("llmgateway", "demo")["metadata"]


def settled(read: Any) -> bool:
    first = read()
    time.sleep(1.5)
    return bool(first == read())
