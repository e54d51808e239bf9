"""Everything that exists for one LLMCredential."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from llmgateway_api import LLMCredential
from llmgateway_operator.cluster.kinds import CRON_JOB, JOB, LEASE, NETWORK_POLICY, ROLE, ROLE_BINDING, SERVICE_ACCOUNT
from llmgateway_operator.credential.cron import spread
from llmgateway_operator.credential.naming import SOURCE_LABEL, TRIGGER_LABEL, CredentialOwner
from llmgateway_operator.credential.refresh_pod import job_spec, request_of
from llmgateway_operator.desired.naming import Manifest

STARTING_DEADLINE: Final = 600  # seconds that a missed schedule may be late
API_SERVER_PORTS: Final = (443, 6443)
"""The Service's port and the usual port behind it: policies judge after the Service was resolved, or before."""


def is_refreshed(credential: LLMCredential) -> bool:
    """Whether the refresh program has anything to do for it: by schedule, or because somebody asked."""
    spec = credential.spec
    return spec.type != "Static" and (spec.refresh.enabled or bool(request_of(credential)))


def token_secrets(credential: LLMCredential, owner: CredentialOwner) -> Iterator[Manifest]:
    """Target and, where there is something to recover, recovery Secret; nobody owns them, nothing prunes them."""
    yield owner.token_secret(credential.target_secret_name, **_source_label(credential))
    if is_refreshed(credential):
        yield owner.token_secret(owner.recovery, **_source_label(credential))


def children(credential: LLMCredential, owner: CredentialOwner, image: str) -> Iterator[Manifest]:
    """What goes with the LLMCredential, but for its Jobs on demand. Nothing for static and disabled credentials."""
    if not is_refreshed(credential):
        return
    yield owner.child(SERVICE_ACCOUNT, owner.refresh, automountServiceAccountToken=False)
    yield owner.child(ROLE, owner.refresh, rules=rules(credential, owner))
    yield _role_binding(owner)
    yield owner.child(LEASE, owner.refresh)
    yield _network_policy(credential, owner)
    if credential.spec.refresh.enabled:
        yield _cron_job(credential, owner, image)


def job(
    credential: LLMCredential, owner: CredentialOwner, image: str, *, name: str, trigger: str, ended_job: str
) -> Manifest:
    """One run on demand. Its name says what it is for: it is made once."""
    manifest = owner.child(JOB, name, spec=job_spec(credential, owner, image, ended_job=ended_job, on_demand=True))
    manifest["metadata"]["labels"][TRIGGER_LABEL] = trigger
    return manifest


def rules(credential: LLMCredential, owner: CredentialOwner) -> list[Manifest]:
    """Named objects only, nothing else: no list, no watch, no create, no delete."""
    kept = [credential.target_secret_name, owner.recovery]
    found: list[Manifest] = [
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": kept, "verbs": ["get", "update"]},
        {
            "apiGroups": ["coordination.k8s.io"],
            "resources": ["leases"],
            "resourceNames": [owner.refresh],
            "verbs": ["get", "update"],
        },
    ]
    if source := credential.spec.source_ref:
        read = {"apiGroups": [""], "resources": ["secrets"], "resourceNames": [source.name], "verbs": ["get"]}
        found.append(read)
    return found


def source_label_value(source: str) -> str:
    """Names of Secrets are longer than a label's value may be."""
    return hashlib.sha256(source.encode()).hexdigest()[:32]


def _source_label(credential: LLMCredential) -> dict[str, str]:
    source = credential.spec.source_ref
    return {SOURCE_LABEL: source_label_value(source.name)} if source else {}


def _role_binding(owner: CredentialOwner) -> Manifest:
    return owner.child(
        ROLE_BINDING,
        owner.refresh,
        roleRef={"apiGroup": ROLE.group, "kind": ROLE.kind, "name": owner.refresh},
        subjects=[{"kind": "ServiceAccount", "name": owner.refresh, "namespace": owner.namespace}],
    )


def _network_policy(credential: LLMCredential, owner: CredentialOwner) -> Manifest:
    """Nobody calls the program; it calls DNS, the API server, and the token endpoint's port."""
    url = urlsplit(credential.spec.oauth.token_url if credential.spec.oauth else "")
    endpoint = url.port or (80 if url.scheme == "http" else 443)
    tcp = [{"port": port, "protocol": "TCP"} for port in sorted({53, endpoint, *API_SERVER_PORTS})]
    spec = {
        "podSelector": {"matchLabels": owner.selector},
        "policyTypes": ["Ingress", "Egress"],
        "egress": [{"ports": [*tcp, {"port": 53, "protocol": "UDP"}]}],
    }
    return owner.child(NETWORK_POLICY, owner.refresh, spec=spec)


def _cron_job(credential: LLMCredential, owner: CredentialOwner, image: str) -> Manifest:
    spec = {
        "schedule": spread(credential.spec.refresh.schedule, owner.uid),
        "timeZone": "Etc/UTC",
        "concurrencyPolicy": "Forbid",
        "startingDeadlineSeconds": STARTING_DEADLINE,
        "suspend": credential.spec.suspend,
        "successfulJobsHistoryLimit": 1,
        "failedJobsHistoryLimit": 3,
        "jobTemplate": {"metadata": {"labels": owner.labels}, "spec": job_spec(credential, owner, image)},
    }
    return owner.child(CRON_JOB, owner.refresh, spec=spec)
