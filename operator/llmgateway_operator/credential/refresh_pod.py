"""The pod of the refresh program: its command line, its files, its security, the same for CronJob and Job."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from llmgateway_api import LLMCredential, OAuth, TokenExchange
from llmgateway_api.scalars import Duration
from llmgateway_operator.credential.naming import CredentialOwner
from llmgateway_operator.desired.credential_delivery import container_security, pod_security
from llmgateway_operator.desired.naming import Manifest

GRACE_ANNOTATION: Final = "llmgateway.dev/refresh-reuse-grace"
"""Annotation of an LLMCredential: for how long its server is known to take an exchanged refresh token again."""

FOLDER: Final = "/etc/llmgateway/oauth"
CLIENT_SECRET: Final = "client-secret"  # noqa: S105  # a file name, no secret
AUTHORITIES: Final = "authorities.pem"
IDENTITY: Final = "identity-token"

DEADLINE: Final = 120  # seconds, of the Job
TERMINATION: Final = 25  # seconds; DEADLINE + TERMINATION is less than the Lease's duration
KEPT_FOR: Final = 3600  # seconds that a finished Job on demand stays


def request_of(credential: LLMCredential) -> str:
    """The rotation that is asked for, in one word; empty: none."""
    from_spec = credential.spec.refresh.requested_at or ""
    from_annotation = credential.metadata.annotations.get("llmgateway.dev/refresh-at", "")
    return " ".join(each for each in (from_spec, from_annotation) if each)[:128]


def job_spec(
    credential: LLMCredential, owner: CredentialOwner, image: str, *, ended_job: str = "", on_demand: bool = False
) -> Manifest:
    """A Job that is never repeated by Kubernetes: what a crashed run left behind is for the next run to judge."""
    return {
        "backoffLimit": 0,
        "activeDeadlineSeconds": DEADLINE,
        **({"ttlSecondsAfterFinished": KEPT_FOR} if on_demand else {}),
        "template": {
            "metadata": {"labels": owner.labels},
            "spec": _pod(credential, owner, image, ended_job),
        },
    }


def arguments(credential: LLMCredential, owner: CredentialOwner, ended_job: str = "") -> list[str]:
    """Settings and names; what is secret is in files or read live. `$(JOB)` and `$(POD)` are the kubelet's to fill."""
    oauth = credential.spec.oauth
    if oauth is None:
        return []
    given = [
        _literal(each) for each in (*_places(credential, owner), *_endpoint(credential, oauth), *_rules(credential))
    ]
    if ended_job:
        given.append(f"--ended-job={ended_job}")
    return ["refresh-credential", *given, "--run=$(JOB)/$(POD)"]


def _literal(argument: str) -> str:
    """Kubernetes expands $(NAME) in arguments; a user's value must stay what it is."""
    return argument.replace("$(", "$$(")


def _places(credential: LLMCredential, owner: CredentialOwner) -> Iterator[str]:
    yield from (f"--namespace={owner.namespace}", f"--name={owner.name}")
    yield from (f"--target={credential.target_secret_name}", f"--recovery={owner.recovery}", f"--lease={owner.refresh}")
    source = credential.spec.source_ref
    if source is None:
        return
    yield from (f"--source={source.name}", f"--source-format={source.format}")
    if source.keys:
        for part, key in source.keys.as_document().items():
            yield f"--source-key={part}={key}"


def _endpoint(credential: LLMCredential, oauth: OAuth) -> Iterator[str]:
    yield from (f"--grant={_grant(credential)}", f"--token-url={oauth.token_url}")
    yield from (f"--auth-style={oauth.auth_style}", f"--body-format={oauth.body_format}")
    if oauth.client_id:
        yield f"--client-id={oauth.client_id}"
    if oauth.client_secret_ref:
        yield f"--client-secret-file={FOLDER}/{CLIENT_SECRET}"
    if oauth.ca_secret_ref:
        yield f"--authorities-file={FOLDER}/{AUTHORITIES}"
    if credential.spec.type == "TokenExchange":
        yield f"--identity-token-file={FOLDER}/{IDENTITY}"
    yield from (f"--scope={scope}" for scope in oauth.scopes)
    yield from (f"--parameter={name}={value}" for name, value in sorted(oauth.parameters.items()))
    yield from (f"--header={name}={value}" for name, value in sorted(oauth.headers.items()))


def _grant(credential: LLMCredential) -> str:
    exchange = credential.spec.exchange
    return exchange.grant if exchange and credential.spec.type == "TokenExchange" else credential.spec.type


def _rules(credential: LLMCredential) -> Iterator[str]:
    yield f"--before={float(credential.spec.refresh.before):g}"
    if grace := grace_of(credential):
        yield f"--reuse-grace={grace:g}"
    if request := request_of(credential):
        yield f"--request={request}"


def grace_of(credential: LLMCredential) -> float:
    """In seconds; 0 where nothing is known, or where the annotation makes no sense."""
    try:
        return float(Duration(credential.metadata.annotations.get(GRACE_ANNOTATION, "0s")))
    except ValueError:
        return 0.0


def _pod(credential: LLMCredential, owner: CredentialOwner, image: str, ended_job: str) -> Manifest:
    files = _files(credential)
    container: dict[str, Any] = {
        "name": "refresh",
        "image": image,
        "command": ["llmgateway"],
        "args": arguments(credential, owner, ended_job),
        "env": [
            _from_field("POD", "metadata.uid"),
            _from_field("JOB", "metadata.labels['batch.kubernetes.io/job-name']"),
        ],
        "resources": {"requests": {"cpu": "20m", "memory": "48Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": container_security(),
    }
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "serviceAccountName": owner.refresh,
        "automountServiceAccountToken": True,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": TERMINATION,
        "securityContext": pod_security(),
        "containers": [container],
    }
    if files:
        container["volumeMounts"] = [{"name": "oauth", "mountPath": FOLDER, "readOnly": True}]
        pod["volumes"] = [{"name": "oauth", "projected": {"defaultMode": 0o440, "sources": files}}]
    return pod


def _files(credential: LLMCredential) -> list[Manifest]:
    oauth = credential.spec.oauth
    references = {CLIENT_SECRET: oauth and oauth.client_secret_ref, AUTHORITIES: oauth and oauth.ca_secret_ref}
    files: list[Manifest] = [
        {"secret": {"name": reference.name, "items": [{"key": reference.key, "path": path}]}}
        for path, reference in references.items()
        if reference
    ]
    if credential.spec.type == "TokenExchange" and oauth:
        files.append({"serviceAccountToken": _identity(credential.spec.exchange or TokenExchange(), oauth)})
    return files


def _identity(exchange: TokenExchange, oauth: OAuth) -> Mapping[str, Any]:
    url = urlsplit(oauth.token_url)
    audience = exchange.audience or f"{url.scheme}://{url.netloc}"
    return {"audience": audience, "expirationSeconds": int(exchange.expiration), "path": IDENTITY}


def _from_field(name: str, path: str) -> Manifest:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
