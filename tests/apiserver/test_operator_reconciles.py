"""The real operator process makes a real API server hold what an LLMGateway says, and keeps it so."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.kubectl import Kubectl, wait_until
from support.operator_gateways import small_gateway
from support.operator_process import Stage, install_crds, running_operator, stage
from support.shared_control_plane import SharedControlPlane

CHILDREN = ("serviceaccount", "configmap", "service", "deployment")


@pytest.fixture(scope="module")
def play(control_plane: SharedControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(control_plane.kubeconfig, tmp_path_factory.mktemp("operator")) as ready:
        yield ready


@pytest.mark.behaviour("O1")
def test_an_applied_gateway_gets_its_children(play: Stage) -> None:
    play.kubectl.apply(small_gateway("new"))
    deployment = play.child("deployment", "new-gateway")
    uid = play.kubectl.get("llmgateway", "new")["metadata"]["uid"]
    assert deployment["metadata"]["ownerReferences"][0]["uid"] == uid
    for kind in CHILDREN:
        assert play.kubectl.get(kind, "new-gateway")["metadata"]["labels"]["app.kubernetes.io/instance"] == "new"
    config = play.kubectl.get("configmap", "new-gateway")["data"]["gateway.yaml"]
    assert next(yaml.safe_load_all(config))["spec"]["backends"] == [{"name": "echo", "type": "Scripted"}]
    play.wait_for("new", "Ready", "PodsStarting")
    assert play.condition("new", "Reconciling")["status"] == "True"
    assert play.condition("new", "Stalled") == {}


def test_an_edited_spec_reaches_the_children(play: Stage) -> None:
    play.kubectl.apply(small_gateway("edited"))
    play.child("deployment", "edited-gateway")
    model = {"name": "m", "backendRefs": [{"name": "echo"}]}
    play.kubectl.apply(small_gateway("edited", scaling={"replicas": 3}, models=[model]))
    wait_until(lambda: replicas(play, "edited") == 3, 10, "three replicas")
    assert "name: m" in play.kubectl.get("configmap", "edited-gateway")["data"]["gateway.yaml"]


def test_a_child_edited_or_deleted_by_hand_is_put_right(play: Stage) -> None:
    kubectl = play.kubectl
    kubectl.apply(small_gateway("drift"))
    play.child("deployment", "drift-gateway")
    before = kubectl.get("configmap", "drift-gateway")["data"]
    patch(kubectl, "configmap", "drift-gateway", '{"data": {"gateway.yaml": "broken"}}')
    wait_until(lambda: kubectl.get("configmap", "drift-gateway")["data"] == before, 10, "the ConfigMap as it was")
    uid = kubectl.get("service", "drift-gateway")["metadata"]["uid"]
    kubectl.delete("service", "drift-gateway")
    assert play.child("service", "drift-gateway")["metadata"]["uid"] != uid


def test_fields_that_others_add_are_left_to_them(play: Stage) -> None:
    kubectl = play.kubectl
    kubectl.apply(small_gateway("shared"))
    play.child("deployment", "shared-gateway")
    patch(kubectl, "service", "shared-gateway", '{"metadata": {"annotations": {"mesh": "on"}}}')
    theirs = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "shared-gateway"}}
    theirs["spec"] = {"ports": [{"name": "http", "port": 8080, "targetPort": 1}]}
    text, namespace = yaml.safe_dump(theirs), kubectl.namespace
    flags = ("--server-side", "--force-conflicts", "--field-manager=somebody")
    kubectl.run("apply", *flags, "-n", namespace, "-f", "-", stdin=text)
    wait_until(lambda: kubectl.get("service", "shared-gateway")["spec"]["ports"][0]["targetPort"] == "http", 10, "it")
    assert kubectl.get("service", "shared-gateway")["metadata"]["annotations"] == {"mesh": "on"}


def test_a_deleted_gateway_takes_everything_with_it(play: Stage) -> None:
    play.kubectl.apply(small_gateway("gone", store={"managed": {"persistence": {"mode": "RDB"}}}))
    play.child("deployment", "gone-valkey")
    play.kubectl.delete("llmgateway", "gone")
    everything = f"{','.join(CHILDREN)},secrets,persistentvolumeclaims"
    selector = "app.kubernetes.io/instance=gone"
    wait_until(lambda: not play.kubectl.items(everything, selector=selector), 30, "garbage collection")


def test_a_missing_secret_is_named_with_its_field_until_it_is_there(play: Stage) -> None:
    kubectl = play.kubectl
    backend = {"name": "far", "type": "OpenAI", "credentialRef": {"kind": "Secret", "name": "upstream", "key": "token"}}
    kubectl.apply(small_gateway("refers", backends=[backend]))
    play.wait_for("refers", "ResolvedRefs", "SecretNotFound")
    sentence = 'spec.backends[0].credentialRef: Secret "upstream" not found'
    assert play.condition("refers", "Ready")["message"] == sentence
    kubectl.run("create", "secret", "generic", "upstream", "--from-literal=other=x", "-n", kubectl.namespace)
    play.wait_for("refers", "ResolvedRefs", "SecretKeyNotFound")
    patch(kubectl, "secret", "upstream", '{"stringData": {"token": "sk-secret-value"}}')
    play.wait_for("refers", "ResolvedRefs", "Resolved")
    assert "sk-secret-value" not in play.operator.log.read_text()
    assert "sk-secret-value" not in kubectl.run("get", "llmgateways,events,deployments,configmaps", "-o", "yaml",
                                                "-n", kubectl.namespace)  # fmt: skip


def test_an_object_of_somebody_else_is_not_taken_over(play: Stage) -> None:
    kubectl = play.kubectl
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "taken-gateway"}}
    kubectl.apply({**service, "spec": {"ports": [{"port": 1}]}})
    kubectl.apply(small_gateway("taken"))
    play.wait_for("taken", "Accepted", "ApplyRejected")
    name = f"Service {kubectl.namespace}/taken-gateway"
    assert play.condition("taken", "Stalled")["message"].startswith(f"{name} exists and belongs to somebody else")
    assert "ownerReferences" not in kubectl.get("service", "taken-gateway")["metadata"]
    kubectl.delete("service", "taken-gateway")
    play.wait_for("taken", "Accepted", "Valid", timeout=40)


def test_ready_pods_make_a_ready_gateway_and_an_event_says_so(play: Stage) -> None:
    kubectl = play.kubectl
    kubectl.apply(small_gateway("serving"))
    pod = play.pod("serving")
    conditions = '[{"type": "Ready", "status": "True"}]'
    status = f'{{"status": {{"phase": "Running", "conditions": {conditions}}}}}'
    kubectl.run("patch", "pod", pod, "-n", kubectl.namespace, "--subresource=status", "-p", status)
    assert play.wait_for("serving", "Ready", "Serving")["message"] == "1 of 1 pods ready"
    wait_until(lambda: play.condition("serving", "Reconciling") == {}, 10, "the end of the rollout")
    events = kubectl.items("events.v1.events.k8s.io")
    reasons = {each["reason"] for each in events if each["regarding"]["name"] == "serving"}
    assert reasons == {"PodsStarting", "Serving"}
    line = kubectl.run("get", "llmgw", "serving", "-n", kubectl.namespace)
    assert "True" in line
    assert f"http://serving-gateway.{kubectl.namespace}.svc:8080" in line


def test_a_pod_that_does_not_come_up_says_why_through_its_gateway(play: Stage) -> None:
    kubectl = play.kubectl
    kubectl.apply(small_gateway("stuck"))
    pod = play.pod("stuck")
    waiting = {"reason": "ErrImagePull", "message": "no such thing"}
    container = {"name": "gateway", "image": "registry/none:1", "imageID": "", "ready": False, "restartCount": 0}
    status = {"status": {"phase": "Pending", "containerStatuses": [{**container, "state": {"waiting": waiting}}]}}
    kubectl.run("patch", "pod", pod, "-n", kubectl.namespace, "--subresource=status", "-p", json.dumps(status))
    trouble = f"pod {pod}: container gateway: ImagePullBackOff: registry/none:1"
    message = f"Deployment stuck-gateway: 0 of 1 pods ready: {trouble}"
    wait_until(lambda: play.condition("stuck", "Ready").get("message") == message, 60, "the pod's trouble")
    assert play.condition("stuck", "Ready")["reason"] == "PodsStarting"
    assert play.condition("stuck", "Reconciling")["message"] == trouble


def test_metrics_tell_which_credentials_are_ready(play: Stage) -> None:
    kubectl = play.kubectl
    source = {"name": "key", "keys": {"accessToken": "value"}}
    kubectl.apply(
        {
            "apiVersion": "llmgateway.dev/v1alpha1",
            "kind": "LLMCredential",
            "metadata": {"name": "measured"},
            "spec": {"type": "Static", "sourceRef": source},
        }
    )
    series = f'llmgateway_operator_credential_ready{{namespace="{kubectl.namespace}",name="measured"}}'
    wait_until(lambda: f"{series} 0" in play.operator.metrics(), 20, "a credential without its source")
    kubectl.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, "stringData": {"value": "v"}})
    wait_until(lambda: f"{series} 1" in play.operator.metrics(), 20, "a credential that is ready")
    kubectl.delete("llmcredential", "measured")
    wait_until(lambda: series not in play.operator.metrics(), 20, "the end of its series")


def test_nothing_is_written_in_steady_state(
    control_plane: SharedControlPlane, kubectl: Kubectl, namespace: str, tmp_path: Path
) -> None:
    install_crds(control_plane.kubeconfig)
    kubectl.apply(small_gateway(store={"managed": {}}))
    with running_operator(control_plane.kubeconfig, tmp_path / "log", [namespace], "--resync", "1") as process:
        wait_until(lambda: kubectl.get("llmgateway", "demo").get("status", {}).get("url"), 20, "the status")
        kinds = "llmgateways,serviceaccounts,configmaps,services,deployments,secrets,events"

        def versions() -> dict[str, str]:
            found = kubectl.items(kinds)
            return {each["kind"] + each["metadata"]["name"]: each["metadata"]["resourceVersion"] for each in found}

        wait_until(lambda: is_settled(versions), 20, "a pause")
        before, looks = versions(), process.metric("llmgateway_operator_reconciliations_total")
        applied = process.log.read_text().count(" applied ")
        wait_until(lambda: process.metric("llmgateway_operator_reconciliations_total") >= looks + 4, 30, "resyncs")
        assert versions() == before
        assert process.log.read_text().count(" applied ") == applied
        metadata = kubectl.get("llmgateway", "demo")["metadata"]
        assert "finalizers" not in metadata
        assert "annotations" not in metadata


def replicas(play: Stage, gateway: str) -> int:
    count: int = play.kubectl.get("deployment", f"{gateway}-gateway")["spec"]["replicas"]
    return count


def is_settled(read: Callable[[], Any]) -> bool:
    first = read()
    time.sleep(1)
    return bool(first == read())


def patch(kubectl: Kubectl, kind: str, name: str, what: str) -> None:
    kubectl.run("patch", kind, name, "-n", kubectl.namespace, "--type=merge", "-p", what)
