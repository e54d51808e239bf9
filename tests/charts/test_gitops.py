"""The GitOps examples: health as Argo CD and Flux compute it, and references that lead somewhere."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.health_checks import GITOPS, argo_health, flux_health, health_expressions
from charts.helm_program import OPERATOR_CHART, ROOT, rendered
from charts.statuses import CASES, Case, resource
from llmgateway_api import API_VERSION, LLMCredential, parse_credential
from llmgateway_operator.credential.facts import Facts
from llmgateway_operator.credential.naming import CredentialOwner
from llmgateway_operator.credential.reasons import REASONS, Reason
from llmgateway_operator.credential.verdicts import Verdict, status


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_argo_sees_the_health(case: Case) -> None:
    assert argo_health(case.document)[0] == case.argo


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_flux_sees_the_health(case: Case) -> None:
    assert flux_health(case.document) == case.flux


def test_argo_shows_the_sentence_that_says_why() -> None:
    stalled = resource(("Ready", "False", "PodsStarting"), ("Stalled", "True", "RolloutStuck"))
    assert argo_health(stalled) == ("Degraded", "RolloutStuck it is")
    assert argo_health(resource(("Ready", "False", "SecretNotFound")))[1] == "SecretNotFound it is"


def test_argo_gets_the_script_for_both_kinds() -> None:
    patch = yaml.safe_load((GITOPS / "argocd" / "health-of-resources.yaml").read_text())["data"]
    script = (GITOPS / "argocd" / "health.lua").read_text()
    prefix = "resource.customizations.health.llmgateway.dev_"
    assert patch == {f"{prefix}LLMGateway": script, f"{prefix}LLMCredential": script}


def test_flux_judges_both_kinds_alike() -> None:
    gateway, credential = health_expressions()
    assert {gateway["kind"], credential["kind"]} == {"LLMGateway", "LLMCredential"}
    assert gateway | {"kind": ""} == credential | {"kind": ""}


def documents(folder: str) -> list[dict[str, Any]]:
    paths = sorted((GITOPS / folder).rglob("*.yaml"))
    found = [each for path in paths for each in yaml.safe_load_all(path.read_text())]
    return [each for each in found if "kind" in each]


def test_the_operators_values_in_the_examples_are_valid() -> None:
    (release,) = [each for each in documents("flux") if each["kind"] == "HelmRelease"]
    (application,) = [each for each in documents("argocd") if each["metadata"]["name"] == "llmgateway-operator"]
    values = release["spec"]["values"]
    assert values == application["spec"]["source"]["helm"]["valuesObject"]
    assert rendered(OPERATOR_CHART, values)


def test_the_paths_in_the_examples_exist() -> None:
    paths = [each["spec"]["path"] for each in documents("flux") if "path" in each.get("spec", {})]
    paths += [each["spec"]["chart"]["spec"]["chart"] for each in documents("flux") if each["kind"] == "HelmRelease"]
    paths += [each["spec"]["source"]["path"] for each in documents("argocd")]
    assert len(paths) == 5
    assert [path for path in paths if not Path(ROOT, path).is_dir()] == []


def test_the_bootstrap_secrets_are_the_ones_that_the_resources_read() -> None:
    (credential,) = [each for each in documents("gateways") if each["kind"] == "LLMCredential"]
    made = {each["metadata"]["name"]: each for each in documents("secrets") if each["kind"] == "ExternalSecret"}
    source = credential["spec"]["sourceRef"]
    keys = [each["secretKey"] for each in made[source["name"]]["spec"]["data"]]
    assert keys == list(source["keys"].values())
    (sealed,) = [each for each in documents("secrets") if each["kind"] == "SealedSecret"]
    assert (sealed["metadata"]["name"], list(sealed["spec"]["encryptedData"])) == (source["name"], keys)
    (gateway,) = [each for each in documents("gateways") if each["kind"] == "LLMGateway"]
    assert gateway["spec"]["auth"]["apiKeys"]["secretRef"]["name"] in made


def test_no_token_that_the_operator_writes_is_in_git() -> None:
    targets = {
        each["spec"]["target"]["secretName"] for each in documents("gateways") if each["kind"] == "LLMCredential"
    }
    assert targets == {"login-token"}
    assert not targets & {each["metadata"]["name"] for each in documents("secrets")}


@pytest.mark.parametrize("reason", REASONS, ids=lambda each: each.name)
def test_each_reason_of_a_credential_has_its_health(reason: Reason) -> None:
    document = judged(reason.name)
    goes_on = reason.good or reason.name in ("RefreshFailed", "SourceRejected")  # the present token still lives
    expected = (
        ("Degraded", "Failed")
        if reason.stalled
        else ("Healthy", "Current")
        if goes_on
        else ("Progressing", "InProgress")
    )
    if reason.name == "Suspended":
        expected = ("Suspended", "Current")
    assert (argo_health(document)[0], flux_health(document)) == expected


def judged(reason: str) -> dict[str, Any]:
    """An LLMCredential with a living token, and the status that the operator writes for this reason."""
    source = {"name": "bootstrap", "keys": {"accessToken": "token"}}
    document = {"apiVersion": API_VERSION, "kind": "LLMCredential", "metadata": {"name": "login", "generation": 1}}
    parsed = parse_credential({**document, "spec": {"type": "Static", "sourceRef": source}})
    assert isinstance(parsed, LLMCredential)
    facts = Facts(
        parsed, CredentialOwner("models", "login", "uid"), target={"metadata": {}, "data": {"accessToken": "eA=="}}
    )
    return {**document, "status": status(facts, Verdict(reason), {}, 1, datetime(2026, 1, 1, tzinfo=UTC))}
