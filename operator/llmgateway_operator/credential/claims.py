"""One login has one writer: who claimed a source Secret, or a target Secret, first.

Two answers count: LLMCredentials that exist (the oldest wins), and Secrets with tokens whose LLMCredential is gone (the
login was taken, whoever wants it now).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmgateway_api import LLMCredential
from llmgateway_operator.credential.facts import belongs_to
from llmgateway_operator.credential.refresh_record import record_of

Document = Mapping[str, Any]


def older_claim(
    mine: Document, credential: LLMCredential, others: Iterable[tuple[Document, LLMCredential]], *, has_login: bool
) -> tuple[str, str] | None:
    """Reason and sentence where another LLMCredential has the source or the target already.

    `has_login`: this one's own Secret says that it took the login; then age does not matter."""
    for metadata, other in sorted(others, key=lambda each: _age(each[0])):
        if metadata["uid"] == mine["uid"] or _age(metadata) > _age(mine):
            continue
        if other.target_secret_name == credential.target_secret_name:
            return "TargetAlreadyClaimed", _sentence("target", credential.target_secret_name, metadata["name"])
        source = _single_use_source(credential)
        if source and not has_login and source == _single_use_source(other):
            return "SourceAlreadyClaimed", _sentence("source", source, metadata["name"])
    return None


def foreign_target(secret: Document | None, credential: LLMCredential) -> tuple[str, str] | None:
    """Where the target Secret exists and is somebody else's."""
    if secret is None or belongs_to(secret) == credential.metadata.name:
        return None
    whose = belongs_to(secret) or "nobody known"
    name = credential.target_secret_name
    return "TargetAlreadyClaimed", f"Secret {name} exists and belongs to {whose}: choose another target.secretName"


def taken_login(fingerprint: str, credential: LLMCredential, secrets: Iterable[Document]) -> tuple[str, str] | None:
    """Where another one's Secret says that this very login was taken before, also by one that was deleted."""
    for secret in secrets:
        owner, record = belongs_to(secret), record_of(secret)
        if owner != credential.metadata.name and record and fingerprint and fingerprint in record.taken:
            name = secret["metadata"]["name"]
            return "SourceAlreadyClaimed", f"LLMCredential {owner} took this login; its tokens are in Secret {name}"
    return None


def _single_use_source(credential: LLMCredential) -> str:
    source = credential.spec.source_ref
    return source.name if source and credential.spec.type == "RefreshToken" else ""


def _age(metadata: Document) -> tuple[str, str]:
    return metadata.get("creationTimestamp") or "", metadata["uid"]


def _sentence(what: str, secret: str, other: str) -> str:
    return f"the {what} Secret {secret} belongs to the older LLMCredential {other}: one login has one writer"
