"""What exists for one LLMCredential: names, rights, the pod, and nothing secret in any of it."""

from __future__ import annotations

from typing import Any

import pytest

from llmgateway_api import LLMCredential
from llmgateway_operator.credential.naming import CredentialOwner
from llmgateway_operator.credential.refresh_children import children, job, token_secrets
from llmgateway_operator.credential.refresh_pod import arguments

OWNER = CredentialOwner("team", "claude", "uid-1")


def credential(annotations: dict[str, str] | None = None, **spec: Any) -> LLMCredential:
    given = {
        "type": "RefreshToken",
        "sourceRef": {"name": "bootstrap", "format": "ClaudeCredentialsJSON"},
        "oauth": {"tokenURL": "https://login.example:8443/token", "clientID": "me"},
        "refresh": {"enabled": True},
        **spec,
    }
    return LLMCredential.parse(
        {
            "apiVersion": "llmgateway.dev/v1alpha1",
            "kind": "LLMCredential",
            "metadata": {"name": "claude", "namespace": "team", "annotations": annotations or {}},
            "spec": {key: value for key, value in given.items() if value is not None},
        }
    )


def made(of: LLMCredential) -> dict[str, Any]:
    return {each["kind"]: each for each in children(of, OWNER, "gateway:1")}


@pytest.mark.behaviour("O3")
def test_a_refreshed_credential_has_its_cron_job_identity_lease_and_policy() -> None:
    found = made(credential())
    assert set(found) == {"ServiceAccount", "Role", "RoleBinding", "Lease", "NetworkPolicy", "CronJob"}
    assert {each["metadata"]["name"] for each in found.values()} == {"claude-refresh"}
    assert all(each["metadata"]["ownerReferences"][0]["uid"] == "uid-1" for each in found.values())
    spec = found["CronJob"]["spec"]
    assert spec["concurrencyPolicy"] == "Forbid"
    assert spec["startingDeadlineSeconds"] == 600
    minute, *rest = spec["schedule"].split()
    assert rest == ["*/4", "*", "*", "*"]
    assert 0 <= int(minute) < 60
    job_spec = spec["jobTemplate"]["spec"]
    assert (job_spec["backoffLimit"], job_spec["activeDeadlineSeconds"]) == (0, 120)
    assert job_spec["template"]["spec"]["restartPolicy"] == "Never"


def test_the_role_names_the_secrets_and_the_lease_and_nothing_else() -> None:
    rules = made(credential())["Role"]["rules"]
    assert [(each["resources"], each["resourceNames"], each["verbs"]) for each in rules] == [
        (["secrets"], ["claude-token", "claude-recovery"], ["get", "update"]),
        (["leases"], ["claude-refresh"], ["get", "update"]),
        (["secrets"], ["bootstrap"], ["get"]),
    ]


def test_the_network_policy_lets_out_to_dns_the_api_server_and_the_token_endpoints_port() -> None:
    spec = made(credential())["NetworkPolicy"]["spec"]
    ports = {(each["port"], each["protocol"]) for each in spec["egress"][0]["ports"]}
    assert ports == {(53, "UDP"), (53, "TCP"), (443, "TCP"), (6443, "TCP"), (8443, "TCP")}
    assert "ingress" not in spec  # nobody may call it: `policyTypes` names it without a rule


@pytest.mark.parametrize(
    "off",
    [
        {"refresh": None},
        {"refresh": {"enabled": False}},
        {"type": "Static", "oauth": None, "refresh": None},
    ],
)
def test_off_means_that_only_the_target_secret_is_there(off: dict[str, Any]) -> None:
    assert made(credential(**off)) == {}
    assert [each["metadata"]["name"] for each in token_secrets(credential(**off), OWNER)] == ["claude-token"]


def test_tokens_outlive_their_credential() -> None:
    secrets = list(token_secrets(credential(), OWNER))
    assert [each["metadata"]["name"] for each in secrets] == ["claude-token", "claude-recovery"]
    assert all("ownerReferences" not in each["metadata"] and "data" not in each for each in secrets)


def test_secrets_come_to_the_program_as_files() -> None:
    oauth = {
        "tokenURL": "https://login.example/token",
        "clientID": "me",
        "clientSecretRef": {"name": "client", "key": "secret"},
        "caSecretRef": {"name": "ca", "key": "ca.crt"},
        "parameters": {"resource": "$(HOSTNAME)"},
    }
    of = credential({"llmgateway.dev/refresh-reuse-grace": "2m"}, oauth=oauth)
    words = arguments(of, OWNER)
    assert "--client-secret-file=/etc/llmgateway/oauth/client-secret" in words
    assert "--authorities-file=/etc/llmgateway/oauth/authorities.pem" in words
    assert "--parameter=resource=$$(HOSTNAME)" in words, "the kubelet must not fill in what a user wrote"
    assert "--reuse-grace=120" in words
    assert words[-1] == "--run=$(JOB)/$(POD)"
    pod = made(of)["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    sources = pod["volumes"][0]["projected"]["sources"]
    assert [each["secret"]["name"] for each in sources] == ["client", "ca"]


def test_a_workload_identity_has_a_projected_token_for_the_endpoints_origin() -> None:
    of = credential(type="TokenExchange", sourceRef=None, exchange={"grant": "JWTBearer", "expiration": "20m"})
    pod = made(of)["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    token = pod["volumes"][0]["projected"]["sources"][0]["serviceAccountToken"]
    assert token == {"audience": "https://login.example:8443", "expirationSeconds": 1200, "path": "identity-token"}
    assert "--grant=JWTBearer" in pod["containers"][0]["args"]


def test_a_suspended_credential_keeps_its_cron_job_asleep() -> None:
    assert made(credential(suspend=True))["CronJob"]["spec"]["suspend"] is True


def test_a_job_on_demand_says_what_it_is_for_and_whose_lock_it_takes_over() -> None:
    manifest = job(
        credential(), OWNER, "gateway:1", name="claude-refresh-1-0", trigger="1", ended_job="claude-refresh-0"
    )
    assert manifest["metadata"]["labels"]["llmgateway.dev/trigger"] == "1"
    assert "--ended-job=claude-refresh-0" in manifest["spec"]["template"]["spec"]["containers"][0]["args"]
    assert manifest["spec"]["ttlSecondsAfterFinished"] == 3600
