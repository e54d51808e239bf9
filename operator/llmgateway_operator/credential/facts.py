"""The frozen view that the judges read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmgateway_api import LLMCredential
from llmgateway_operator.credential.naming import CREDENTIAL_LABEL, TRIGGER_LABEL, CredentialOwner
from llmgateway_operator.credential.refresh_record import RefreshRecord, record_of
from llmgateway_operator.credential.source_login import SourceLogin

Document = Mapping[str, Any]


@dataclass(frozen=True)
class JobFacts:
    """One Job of the refresh program. `trigger` is empty for those of the CronJob."""

    name: str
    trigger: str
    finished: bool


@dataclass(frozen=True)
class Facts:
    """Everything that a decision about one LLMCredential may depend on."""

    credential: LLMCredential
    owner: CredentialOwner
    target: Document | None = field(default=None, repr=False)
    recovery: Document | None = field(default=None, repr=False)
    source: SourceLogin | None = field(default=None, repr=False)
    """None: the spec names none."""
    missing: tuple[str, ...] = ()
    """Sentences about other Secrets that the spec names in vain."""
    claim: tuple[str, str] | None = None
    """Reason and sentence of another one's older claim."""
    jobs: tuple[JobFacts, ...] = ()
    lease_holder: str = ""

    @property
    def record(self) -> RefreshRecord | None:
        """Of a target that was deleted, the recovery Secret knows."""
        return record_of(self.target) or record_of(self.recovery)

    @property
    def has_access_token(self) -> bool:
        return bool(((self.target or {}).get("data") or {}).get("accessToken"))

    @property
    def has_refresh_token(self) -> bool:
        return bool(((self.target or {}).get("data") or {}).get("refreshToken"))

    @property
    def running(self) -> JobFacts | None:
        """A Job that has not finished."""
        return next((job for job in self.jobs if not job.finished), None)


def job_facts(job: Document) -> JobFacts:
    """Since Kubernetes 1.31 a Job is finished only when its pods are gone; suspended and new ones are not finished."""
    conditions = job.get("status", {}).get("conditions") or ()
    finished = any(each["type"] in ("Complete", "Failed") and each["status"] == "True" for each in conditions)
    metadata = job["metadata"]
    return JobFacts(metadata["name"], metadata.get("labels", {}).get(TRIGGER_LABEL, ""), finished)


def belongs_to(secret: Document) -> str:
    """The LLMCredential whose tokens a Secret holds; empty: nobody's."""
    name: str = secret["metadata"].get("labels", {}).get(CREDENTIAL_LABEL, "")
    return name
