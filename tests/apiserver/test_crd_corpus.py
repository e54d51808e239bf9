"""The generated CRDs on a real API server: it takes them, and judges documents as `llmgateway check` does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from apiserver.crd_corpus.cases import Refused, accepted, examples, refused
from llmgateway_api import load_documents
from support.kubectl import Kubectl, KubectlError
from support.shared_control_plane import SharedControlPlane

CRDS = Path(__file__).parents[2] / "crds"
NAMES = ("llmgateways.llmgateway.dev", "llmcredentials.llmgateway.dev")
QUICK: dict[str, Any] = {
    "apiVersion": "llmgateway.dev/v1alpha1",
    "kind": "LLMGateway",
    "metadata": {"name": "demo"},
    "spec": {"backends": [{"name": "demo", "type": "Scripted"}]},
}


@pytest.fixture(scope="module")
def definitions(control_plane: SharedControlPlane) -> Kubectl:
    """The CRDs are served; they stay, for other tests share the API server."""
    administrator = Kubectl(control_plane.kubeconfig)
    administrator.apply(CRDS)
    established = (f"crd/{name}" for name in NAMES)
    administrator.run("wait", "--for=condition=Established", "--timeout=60s", *established)
    return administrator


def _judge(kubectl: Kubectl, path: Path) -> str:
    """Empty when the API server would take the document, else what it says. Nothing is stored."""
    try:
        kubectl.run("create", "--dry-run=server", "-n", kubectl.namespace, "-f", str(path))
    except KubectlError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("path", [*accepted(), *examples()], ids=lambda path: path.stem)
def test_a_good_document_is_accepted(definitions: Kubectl, path: Path) -> None:
    assert _judge(definitions, path) == ""


@pytest.mark.parametrize("case", refused(), ids=lambda case: case.name)
def test_a_bad_document_is_refused_with_the_sentence(definitions: Kubectl, case: Refused) -> None:
    assert case.by_api_server in _judge(definitions, case.path)


def test_the_rules_are_accepted_without_a_warning(definitions: Kubectl) -> None:
    for name in NAMES:
        conditions = definitions.get("crd", name)["status"]["conditions"]
        assert {each["type"]: each["status"] for each in conditions} == {"NamesAccepted": "True", "Established": "True"}


def test_a_broken_document_gets_the_same_sentences_from_both_judges(definitions: Kubectl, tmp_path: Path) -> None:
    broken = json.loads(json.dumps(QUICK))
    broken["spec"]["backends"][0] |= {"sessionPool": {}, "endpoint": {}, "timeouts": {"read": "0s"}}
    broken["spec"]["policy"] = {"context": {"pruneAt": 0.1}}
    path = tmp_path / "broken.yaml"
    path.write_text(yaml.safe_dump(broken))
    answer = _judge(definitions, path)
    errors = load_documents(path.read_text()).errors
    assert len(errors) == 3, "what is inside a broken backend hides the backend's own rules"
    for error in errors:
        assert f"{error.path}: Invalid value: {error.message}" in answer


def test_a_user_s_spec_stays_as_it_was_written_but_for_the_number_of_pods(
    definitions: Kubectl, kubectl: Kubectl
) -> None:
    kubectl.apply(QUICK)
    assert kubectl.get("llmgw", "demo")["spec"] == QUICK["spec"] | {"scaling": {"replicas": 1}}


def test_a_gateway_can_be_scaled_like_a_deployment(definitions: Kubectl, kubectl: Kubectl) -> None:
    kubectl.apply(QUICK)
    kubectl.run("scale", "llmgateway/demo", "--replicas=3", "-n", kubectl.namespace)
    assert kubectl.get("llmgateway", "demo")["spec"]["scaling"] == {"replicas": 3}


def test_a_gateway_with_an_autoscaler_has_a_scale_too(definitions: Kubectl, kubectl: Kubectl) -> None:
    spec = QUICK["spec"] | {"scaling": {"autoscale": {"max": 4}}}
    kubectl.apply(QUICK | {"spec": spec})
    kubectl.run("scale", "llmgateway/demo", "--replicas=2", "-n", kubectl.namespace)


def test_the_columns_say_whether_it_is_fine_where_it_is_and_why_not(definitions: Kubectl, kubectl: Kubectl) -> None:
    kubectl.apply(QUICK)
    ready = {"type": "Ready", "status": "False", "reason": "BackendMissing", "message": "no such Secret"}
    status = {
        "conditions": [ready | {"lastTransitionTime": "2026-01-01T00:00:00Z"}],
        "url": "http://demo-gateway.test:8080",
        "models": ["coder", "small"],
        "backends": [{"name": "demo", "type": "Scripted"}, {"name": "spare", "type": "Scripted"}],
        "replicas": 2,
        "readyReplicas": 1,
    }
    patch = json.dumps({"status": status})
    kubectl.run("patch", "llmgw/demo", "-n", kubectl.namespace, "--subresource=status", "--type=merge", "-p", patch)
    table = kubectl.run("get", "llmgw", "-n", kubectl.namespace, "-o", "wide")
    for word in ("READY", "REASON", "URL", "MODELS", "REPLICAS", "AGE", "MESSAGE"):
        assert word in table.splitlines()[0]
    for word in ("False", "BackendMissing", "http://demo-gateway.test:8080", "coder", "small", "no such Secret"):
        assert word in table.splitlines()[1]
    assert kubectl.get("llmgw", "demo")["status"]["observedGeneration"] == -1


def test_entries_of_two_owners_are_merged_by_name(definitions: Kubectl, kubectl: Kubectl) -> None:
    kubectl.apply(QUICK)
    more = QUICK | {"spec": {"backends": [{"name": "spare", "type": "Scripted"}]}}
    arguments = ("apply", "--server-side", "--field-manager=other", "-n", kubectl.namespace, "-f", "-")
    kubectl.run(*arguments, stdin=json.dumps(more))
    assert [each["name"] for each in kubectl.get("llmgw", "demo")["spec"]["backends"]] == ["demo", "spare"]
