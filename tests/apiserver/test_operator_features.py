"""What single fields and annotations of an LLMGateway do, on a real API server."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.kubectl import Kubectl, wait_until
from support.kubernetes_control_plane import ControlPlane
from support.operator_gateways import small_gateway
from support.operator_process import CRDS, Stage, running_operator, stage
from support.shared_control_plane import SharedControlPlane

FAR = {"name": "far", "type": "OpenAI", "credentialRef": {"kind": "Secret", "name": "upstream", "key": "token"}}


@pytest.fixture(scope="module")
def play(control_plane: SharedControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(control_plane.kubeconfig, tmp_path_factory.mktemp("operator")) as ready:
        yield ready


def template(play: Stage, gateway: str) -> dict[str, Any]:
    found: dict[str, Any] = play.child("deployment", f"{gateway}-gateway")["spec"]["template"]
    return found


def annotate(kubectl: Kubectl, gateway: str, annotation: str) -> None:
    kubectl.run("annotate", "--overwrite", "llmgateway", gateway, annotation, "-n", kubectl.namespace)


def spec_of(kubectl: Kubectl, kind: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = kubectl.get(kind, name)["spec"]
    return found


@pytest.mark.behaviour("O4")
def test_a_changed_secret_rolls_the_pods_only_where_the_spec_says_so(play: Stage) -> None:
    kubectl = play.kubectl
    kubectl.run("create", "secret", "generic", "upstream", "--from-literal=token=one", "-n", kubectl.namespace)
    kubectl.apply(small_gateway("reloads", backends=[FAR]))
    kubectl.apply(small_gateway("rolls", backends=[FAR], credentialsDelivery={"onChange": "RollingRestart"}))
    before = {name: template(play, name) for name in ("reloads", "rolls")}
    revisions = {name: revision(play, name) for name in before}
    change = '{"stringData": {"token": "two"}}'
    kubectl.run("patch", "secret", "upstream", "-n", kubectl.namespace, "-p", change)
    wait_until(lambda: template(play, "rolls") != before["rolls"], 10, "a new template")
    wait_until(lambda: revision(play, "reloads") != revisions["reloads"], 10, "a new revision")
    assert template(play, "reloads") == before["reloads"]


def revision(play: Stage, gateway: str) -> str:
    of = wait_until(lambda: play.kubectl.get("llmgateway", gateway)["status"].get("revision"), 20, "a revision")
    return str(of)


@pytest.mark.behaviour("O4")
def test_a_restart_annotation_rolls_the_pods(play: Stage) -> None:
    play.kubectl.apply(small_gateway("again"))
    template(play, "again")
    annotate(play.kubectl, "again", "llmgateway.dev/restart-at=2026-01-01T00:00:00Z")
    rolled = lambda: template(play, "again")["metadata"].get("annotations")  # noqa: E731
    assert wait_until(rolled, 10, "the mark") == {"llmgateway.dev/restarted-at": "2026-01-01T00:00:00Z"}


def test_a_paused_gateway_is_left_alone_until_it_is_not(play: Stage) -> None:
    kubectl = play.kubectl
    kubectl.apply(small_gateway("paused"))
    template(play, "paused")
    annotate(kubectl, "paused", "llmgateway.dev/paused=true")
    play.wait_for("paused", "ConfigurationWarning", "Paused")
    kubectl.apply(small_gateway("paused", scaling={"replicas": 3}))
    generation = kubectl.get("llmgateway", "paused")["metadata"]["generation"]
    seen = lambda: kubectl.get("llmgateway", "paused")["status"]["observedGeneration"]  # noqa: E731
    wait_until(lambda: seen() == generation, 10, "the status of the edit")
    assert spec_of(kubectl, "deployment", "paused-gateway")["replicas"] == 1
    annotate(kubectl, "paused", "llmgateway.dev/paused-")
    wait_until(lambda: spec_of(kubectl, "deployment", "paused-gateway")["replicas"] == 3, 10, "three replicas")
    assert play.condition("paused", "ConfigurationWarning").get("reason") != "Paused"


def test_suspending_stops_the_pods_and_nothing_else(play: Stage) -> None:
    kubectl = play.kubectl
    autoscale = {"autoscale": {"min": 2, "max": 6}}
    kubectl.apply(small_gateway("sleeps", scaling=autoscale))
    play.child("hpa", "sleeps-gateway")
    kubectl.apply(small_gateway("sleeps", scaling=autoscale, suspend=True))
    wait_until(lambda: spec_of(kubectl, "deployment", "sleeps-gateway")["replicas"] == 0, 10, "no replicas")
    play.wait_for("sleeps", "Ready", "Suspended")
    wait_until(lambda: kubectl.find("hpa", "sleeps-gateway") is None, 10, "the autoscaler to go")
    assert kubectl.find("service", "sleeps-gateway")
    kubectl.apply(small_gateway("sleeps", scaling=autoscale, suspend=False))
    wait_until(lambda: spec_of(kubectl, "deployment", "sleeps-gateway")["replicas"] == 2, 10, "the fewest pods")


def test_an_autoscaler_takes_over_without_a_drop_to_one_pod(play: Stage) -> None:
    kubectl = play.kubectl
    kubectl.apply(small_gateway("scales", scaling={"replicas": 5}))
    template(play, "scales")
    kubectl.apply(small_gateway("scales", scaling={"replicas": 5, "autoscale": {"min": 2, "max": 9}}))
    play.child("hpa", "scales-gateway")
    generation = kubectl.get("deployment", "scales-gateway")["metadata"]["generation"]
    assert spec_of(kubectl, "deployment", "scales-gateway")["replicas"] == 5
    kubectl.run("scale", "deployment", "scales-gateway", "--replicas=7", "-n", kubectl.namespace)
    annotate(kubectl, "scales", "llmgateway.dev/restart-at=now")
    changed = lambda: kubectl.get("deployment", "scales-gateway")["metadata"]["generation"] > generation + 1  # noqa: E731
    wait_until(changed, 10, "the restart")
    assert spec_of(kubectl, "deployment", "scales-gateway")["replicas"] == 7


def test_a_store_password_is_made_once_and_rotated_on_demand(play: Stage) -> None:
    kubectl = play.kubectl
    kubectl.apply(small_gateway("keeps", store={"managed": {}}))
    first = passwords(play, "keeps")
    annotate(kubectl, "keeps", "llmgateway.dev/rotate-store-password-at=2026-01-01")
    second = wait_until(lambda: changed_from(first, passwords(play, "keeps")), 10, "a new password")
    assert second["previous-password"] == first["password"]
    assert second["users.acl"].count("#") == 2
    annotate(kubectl, "keeps", "unrelated=1")
    play.kubectl.apply(small_gateway("keeps", store={"managed": {}}, scaling={"replicas": 2}))
    wait_until(lambda: spec_of(kubectl, "deployment", "keeps-gateway")["replicas"] == 2, 10, "another look")
    assert passwords(play, "keeps") == second
    log = play.operator.log.read_text()
    assert not any(value in log for value in (first["password"], second["password"]))


def changed_from(before: dict[str, str], now: dict[str, str]) -> dict[str, str] | None:
    return now if now["password"] != before["password"] else None


def passwords(play: Stage, gateway: str) -> dict[str, str]:
    data = play.child("secret", f"{gateway}-valkey")["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def test_a_volume_grows_with_the_spec(play: Stage) -> None:
    kubectl = play.kubectl
    kubectl.apply(volume_that_can_grow(kubectl.namespace))
    kubectl.apply(small_gateway("grows", store=persistent("1Gi", kubectl.namespace)))
    wait_until(lambda: claim(play).get("status", {}).get("phase") == "Bound", 30, "the bound volume")
    kubectl.apply(small_gateway("grows", store=persistent("2Gi", kubectl.namespace)))
    wait_until(lambda: requested(play) == "2Gi", 10, "the larger claim")
    kubectl.apply(small_gateway("grows", store=persistent("1Gi", kubectl.namespace)))
    play.wait_for("grows", "ConfigurationWarning", "VolumeNeverShrinks")
    assert requested(play) == "2Gi"
    kubectl.run("delete", "persistentvolume,storageclass", f"grows-{kubectl.namespace}", "--wait=false")


def persistent(size: str, namespace: str) -> dict[str, Any]:
    return {"managed": {"persistence": {"mode": "RDB", "size": size, "storageClassName": f"grows-{namespace}"}}}


def claim(play: Stage) -> dict[str, Any]:
    return play.child("pvc", "grows-valkey")


def requested(play: Stage) -> str:
    return str(claim(play)["spec"]["resources"]["requests"]["storage"])


def volume_that_can_grow(namespace: str) -> list[dict[str, Any]]:
    name = f"grows-{namespace}"
    volume = {
        "capacity": {"storage": "5Gi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": name,
        "hostPath": {"path": "/nowhere"},
    }
    storage = {"provisioner": "example.com/none", "allowVolumeExpansion": True}
    return [
        {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}, **storage},
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": volume},
    ]


def test_a_pod_template_that_the_api_server_refuses_is_reported_and_can_be_corrected(play: Stage) -> None:
    wrong = {"spec": {"restartPolicy": "Sometimes"}}
    play.kubectl.apply(small_gateway("refused", podTemplate=wrong))
    play.wait_for("refused", "Accepted", "ApplyRejected")
    assert "restartPolicy" in play.condition("refused", "Ready")["message"]
    assert play.condition("refused", "Stalled")["status"] == "True"
    play.kubectl.apply(small_gateway("refused", podTemplate={"spec": {"restartPolicy": "Always"}}))
    play.wait_for("refused", "Accepted", "Valid")


def test_an_unknown_field_of_a_pod_template_is_reported(play: Stage) -> None:
    play.kubectl.apply(small_gateway("typo", podTemplate={"spec": {"nodeSelectr": {"a": "b"}}}))
    play.wait_for("typo", "Accepted", "ApplyRejected")
    assert "nodeSelectr" in play.condition("typo", "Accepted")["message"]


def test_a_route_without_the_gateway_api_is_named_and_stops_nothing(play: Stage) -> None:
    play.kubectl.apply(small_gateway("routed", expose={"httpRoute": {"parentRefs": [{"name": "public"}]}}))
    template(play, "routed")
    play.wait_for("routed", "RouteReady", "GatewayAPIMissing")


def test_an_inline_login_becomes_a_credential_of_its_own(play: Stage) -> None:
    login = {"tokenURL": "https://auth.example/token", "clientID": "c", "clientSecretRef": {"name": "c", "key": "s"}}
    backend = {"name": "far", "type": "OpenAI", "oauth": {"type": "ClientCredentials", "oauth": login}}
    play.kubectl.apply(small_gateway("inline", backends=[backend]))
    credential = play.child("llmcredential", "inline-far")
    assert credential["spec"]["oauth"]["clientID"] == "c"
    assert credential["metadata"]["ownerReferences"][0]["name"] == "inline"
    play.kubectl.apply(small_gateway("inline"))
    wait_until(lambda: play.kubectl.find("llmcredential", "inline-far") is None, 10, "the credential to go")


def test_a_crd_that_is_too_old_is_reported_and_a_spec_it_lets_through_is_judged(
    own_control_plane: ControlPlane, tmp_path: Path
) -> None:
    kubectl = Kubectl(own_control_plane.kubeconfig)
    kubectl.apply([outdated(each) for each in sorted(CRDS.glob("llmgateway.dev_*.yaml"))])
    for name in ("llmgateways.llmgateway.dev", "llmcredentials.llmgateway.dev"):
        wait_until(lambda name=name: kubectl.get("crd", name).get("status", {}).get("conditions"), 20, name)
    with running_operator(own_control_plane.kubeconfig, tmp_path / "log", ["default"]) as operator:
        play = Stage(kubectl, operator)
        wait_until(lambda: kubectl.run("get", "llmgateways") == "", 20, "the API")
        kubectl.apply(small_gateway("old"))
        play.wait_for("old", "ConfigurationWarning", "CRDOutdated")
        assert "LLMGateway.spec.cors" in play.condition("old", "ConfigurationWarning")["message"]
        model = {"name": "m", "backendRefs": [{"name": "nobody"}]}
        kubectl.apply(small_gateway("old", models=[model]))
        play.wait_for("old", "Accepted", "InvalidSpec")
        assert play.condition("old", "Accepted")["message"].startswith("spec.models[0].backendRefs[0].name: ")
        assert play.condition("old", "Stalled")["reason"] == "InvalidSpec"
        assert "name: m" not in kubectl.get("configmap", "old-gateway")["data"]["gateway.yaml"]


def outdated(path: Path) -> dict[str, Any]:
    """A CRD without rules and without one field."""
    crd: dict[str, Any] = without_rules(yaml.safe_load(path.read_text()))
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["properties"].pop("cors", None)
    return crd


def without_rules(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_rules(each) for key, each in value.items() if key != "x-kubernetes-validations"}
    return [without_rules(each) for each in value] if isinstance(value, list) else value
