"""The judgement of a gateway: closed reasons, kstatus, nothing that moves with the clock."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway_api import ApiError, LLMGateway
from llmgateway_operator.observe.observed import CredentialFacts, Observed, SecretFacts
from llmgateway_operator.status import document
from llmgateway_operator.status.catalogue import CONDITIONS, REASONS, reason_of
from llmgateway_operator.status.finding import Situation
from llmgateway_operator.status.gateway_status import conditions, gateway_status
from llmgateway_operator.status.summary import findings
from support.operator_gateways import observed, parsed, small_gateway

NOW, LATER = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
FAR = {"name": "far", "type": "OpenAI", "credentialRef": {"kind": "Secret", "name": "upstream", "key": "token"}}
LENT = {"name": "lent", "type": "Anthropic", "credentialRef": {"kind": "LLMCredential", "name": "shared"}}


def deployment(wanted: int, ready: int, *, updated: int | None = None, stuck: bool = False) -> dict[str, Any]:
    reason = "ProgressDeadlineExceeded" if stuck else "ReplicaSetUpdated"
    return {
        "metadata": {"generation": 2},
        "spec": {"replicas": wanted},
        "status": {
            "observedGeneration": 2,
            "replicas": wanted,
            "updatedReplicas": wanted if updated is None else updated,
            "readyReplicas": ready,
            "availableReplicas": ready,
            "conditions": [{"type": "Progressing", "status": "False" if stuck else "True", "reason": reason}],
        },
    }


def judge(gateway: LLMGateway | None, seen: Observed, **more: Any) -> dict[str, Any]:
    situation = Situation(seen, gateway, **more)
    status = gateway_status(situation, findings(situation), NOW)
    return {each["type"]: each for each in status["conditions"]}


def kstatus(status: dict[str, Any], generation: int) -> str:
    """As sigs.k8s.io/cli-utils/pkg/kstatus judges a custom resource."""
    known = {each["type"]: each["status"] for each in status["conditions"]}
    if status["observedGeneration"] != generation:
        return "InProgress"
    if known.get("Reconciling") == "True":
        return "InProgress"
    if known.get("Stalled") == "True":
        return "Failed"
    return "Current" if known.get("Ready", "True") == "True" else "InProgress"


SPECS = st.fixed_dictionaries(
    {"backends": st.sampled_from([[{"name": "echo", "type": "Scripted"}], [FAR], [FAR, LENT]])},
    optional={
        "suspend": st.booleans(),
        "scaling": st.sampled_from([{"replicas": 0}, {"replicas": 2}, {"autoscale": {}}]),
        "store": st.sampled_from([{"managed": {}}, {"managed": {"maxmemory": "2Gi"}}, {"local": {}}]),
        "expose": st.just({"httpRoute": {"parentRefs": [{"name": "public"}]}}),
    },
)
WORKLOADS = st.none() | st.builds(
    deployment,
    wanted=st.integers(0, 3),
    ready=st.integers(0, 3),
    updated=st.integers(0, 3),
    stuck=st.booleans(),
)
ROUTES = st.none() | st.sampled_from(
    [
        {"status": {"parents": []}},
        {"status": {"parents": [{"parentRef": {"name": "public"}, "conditions": []}]}},
        {
            "status": {
                "parents": [
                    {
                        "parentRef": {"name": "public"},
                        "conditions": [{"type": "Accepted", "status": "False", "reason": "NotAllowed"}],
                    }
                ]
            }
        },
    ]
)


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    spec = draw(SPECS)
    if spec.get("store", {}).get("local") is not None:
        spec.pop("scaling", None)
    gateway = parsed(small_gateway(**spec))
    credential = draw(st.booleans())
    seen = observed(
        deployment=draw(WORKLOADS),
        store_deployment=draw(WORKLOADS),
        route=draw(ROUTES),
        secrets={"upstream": draw(st.sampled_from([None, SecretFacts({}), SecretFacts({"token": "x"})]))},
        credentials={"shared": None},
        optional_kinds=frozenset(draw(st.sets(st.sampled_from(["HTTPRoute"])))),
        outdated_fields=("LLMGateway.spec.new",) * draw(st.integers(0, 1)),
        annotations={"llmgateway.dev/paused": draw(st.sampled_from(["true", "false"]))},
    )
    if draw(st.booleans()):
        return Situation(seen, None, (ApiError("spec.backends[0]", "is wrong"),))
    return Situation(seen, gateway, refused=("apply Deployment: no",) * (credential and draw(st.booleans())))


@given(situations())
def test_every_status_is_conform_to_kstatus(situation: Situation) -> None:
    status = gateway_status(situation, findings(situation), NOW)
    known = {each["type"]: each for each in status["conditions"]}
    assert len(known) == len(status["conditions"]), "each type once"
    assert status["observedGeneration"] == situation.observed.generation
    abnormal = {"Reconciling", "Stalled", "ConfigurationWarning"}
    assert set(known) - abnormal == {each.name for each in CONDITIONS if not each.only_while_true}
    assert all(known[each]["status"] == "True" for each in abnormal & set(known)), "abnormal only while true"
    assert not {"Reconciling", "Stalled"} <= set(known), "working on it and stuck exclude each other"
    if "Stalled" in known:
        assert known["Ready"]["status"] == "False"
    if known["Ready"]["status"] == "True":
        assert all(known[each]["status"] == "True" for each in set(known) - abnormal)
    for each in status["conditions"]:
        assert reason_of(each["type"], each["reason"]).status == each["status"]
        assert each["message"]
    verdict = kstatus(status, situation.observed.generation)
    assert (verdict == "Failed") == ("Stalled" in known)
    assert (verdict == "Current") == (known["Ready"]["status"] == "True" and "Reconciling" not in known)


@given(situations())
def test_a_status_does_not_move_with_the_clock(situation: Situation) -> None:
    found = findings(situation)
    first = conditions(found, (), 1, NOW)
    assert conditions(found, first, 1, LATER) == first


def test_a_transition_time_moves_with_the_status_and_not_with_the_message() -> None:
    gateway = parsed(small_gateway())
    starting = findings(Situation(observed(deployment=deployment(2, 0)), gateway))
    before = conditions(starting, (), 1, NOW)
    one = conditions(findings(Situation(observed(deployment=deployment(2, 1)), gateway)), before, 2, LATER)
    two = conditions(
        findings(Situation(observed(deployment=deployment(2, 2)), gateway)), one, 3, "2026-01-03T00:00:00Z"
    )
    ready = [next(each for each in which if each["type"] == "Ready") for which in (before, one, two)]
    assert [each["lastTransitionTime"] for each in ready] == [NOW, LATER, LATER]
    assert [each["message"] for each in ready[1:]] == ["1 of 2 pods ready", "2 of 2 pods ready"]


def test_ready_says_why_not_with_the_object_and_the_field() -> None:
    gateway = parsed(small_gateway(backends=[FAR]))
    found = judge(gateway, observed(secrets={"upstream": SecretFacts({"other": "x"})}))
    assert found["Ready"]["reason"] == "SecretKeyNotFound"
    assert found["Ready"]["message"] == 'spec.backends[0].credentialRef: Secret "upstream" has no key "token"'


def test_what_holds_a_pod_up_is_said_wherever_it_matters() -> None:
    trouble = "pod demo-gateway-1: container gateway: ended with exit code 1 (Error)"
    counts = "Deployment demo-gateway: 0 of 1 pods ready"
    gateway = parsed(small_gateway())
    starting = judge(gateway, observed(deployment=deployment(1, 0), trouble=trouble))
    assert starting["Ready"]["message"] == f"{counts}: {trouble}"
    assert starting["Reconciling"]["message"] == trouble
    stuck = judge(gateway, observed(deployment=deployment(1, 0, stuck=True), trouble=trouble))
    assert (stuck["Ready"]["reason"], stuck["Stalled"]["message"]) == ("RolloutStuck", trouble)
    managed = parsed(small_gateway(store={"managed": {}}))
    store = judge(
        managed, observed(store_deployment=deployment(1, 0), store_trouble="pod demo-valkey-1: Unschedulable")
    )
    assert store["StoreReady"]["message"] == (
        "Deployment demo-valkey: no pod is ready: pod demo-valkey-1: Unschedulable"
    )


def test_several_broken_references_are_counted() -> None:
    second = {**FAR, "name": "far2", "credentialRef": {"kind": "Secret", "name": "other", "key": "k"}}
    found = judge(parsed(small_gateway(backends=[FAR, second])), observed())
    assert (
        found["ResolvedRefs"]["message"] == 'spec.backends[0].credentialRef: Secret "upstream" not found (and 1 more)'
    )


def test_a_credential_that_is_not_ready_is_named_with_its_own_reason() -> None:
    spec = {"type": "Static", "sourceRef": {"name": "s", "keys": {"accessToken": "k"}}}
    from llmgateway_api import LLMCredential

    credential = LLMCredential.parse(
        {"apiVersion": "llmgateway.dev/v1alpha1", "kind": "LLMCredential", "metadata": {"name": "shared"}, "spec": spec}
    )
    facts = CredentialFacts(credential, ready=False, message="the login was revoked")
    found = judge(parsed(small_gateway(backends=[LENT])), observed(credentials={"shared": facts}))
    assert found["Ready"]["reason"] == "CredentialNotReady"
    assert found["Ready"]["message"].endswith('LLMCredential "shared" is not ready: the login was revoked')


def test_an_invalid_spec_keeps_what_the_last_valid_one_said() -> None:
    before = {"url": "http://before", "models": ["m"], "revision": "r"}
    situation = Situation(observed(status=before), None, (ApiError("spec.backends", "is required"),))
    status = gateway_status(situation, findings(situation), NOW)
    assert {key: status[key] for key in before} == before


@pytest.mark.parametrize(
    ("store", "reason", "words"),
    [
        ({"maxmemory": "500Mi", "resources": {"limits": {"memory": "512Mi"}}}, "StoreMemoryUnsafe", "689Mi"),
        ({"maxmemoryPolicy": "noeviction"}, "StoreEvictionDisabled", "noeviction"),
    ],
)
def test_a_store_that_will_not_do_for_long_is_warned_of(store: dict[str, Any], reason: str, words: str) -> None:
    found = judge(parsed(small_gateway(store={"managed": store})), observed())
    assert found["ConfigurationWarning"]["reason"] == reason
    assert words in found["ConfigurationWarning"]["message"]


def test_the_document_of_all_reasons_is_fresh() -> None:
    document.main(["--check"])
    assert all(f"| {each.name} |" in document.text() for each in REASONS)
