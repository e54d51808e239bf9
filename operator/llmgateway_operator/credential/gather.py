"""Reads, live, everything that a reconciliation of one LLMCredential may depend on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from llmgateway_api import LLMCredential, parse_credential
from llmgateway_operator.cluster.index import ObjectId
from llmgateway_operator.cluster.kinds import CREDENTIAL, JOB, LEASE, SECRET
from llmgateway_operator.cluster.port import Cluster, Document
from llmgateway_operator.credential.claims import foreign_target, older_claim, taken_login
from llmgateway_operator.credential.facts import Facts, JobFacts, job_facts
from llmgateway_operator.credential.naming import SOURCE_LABEL, CredentialOwner
from llmgateway_operator.credential.refresh_children import source_label_value
from llmgateway_operator.credential.refresh_record import record_of
from llmgateway_operator.credential.source_login import SourceLogin, source_login
from llmgateway_operator.desired.naming import selector_text


def referenced(credential: LLMCredential, owner: CredentialOwner) -> frozenset[ObjectId]:
    """Whose changes concern this credential."""
    spec = credential.spec
    names = {credential.target_secret_name, owner.recovery}
    names |= {each.name for each in (spec.source_ref, *_oauth_references(credential)) if each}
    return frozenset(ObjectId(SECRET.kind, owner.namespace, name) for name in names)


async def gather(cluster: Cluster, document: Mapping[str, Any], credential: LLMCredential) -> Facts:
    """The view of one LLMCredential. Raises ClusterError."""
    metadata = document["metadata"]
    owner = CredentialOwner(metadata["namespace"], metadata["name"], metadata["uid"])
    reader = _Reader(cluster, owner)
    target, recovery, source, missing, jobs, holder = await asyncio.gather(
        reader.secret(credential.target_secret_name),
        reader.secret(owner.recovery),
        reader.source(credential),
        reader.missing(credential),
        reader.jobs(),
        reader.lease_holder(),
    )
    claim = foreign_target(target, credential) or await reader.claim(metadata, credential, source, target)
    return Facts(credential, owner, target, recovery, source, missing, claim, jobs, holder)


class _Reader:
    """Reads in the namespace of one credential."""

    def __init__(self, cluster: Cluster, owner: CredentialOwner) -> None:
        self._cluster, self._owner = cluster, owner

    async def secret(self, name: str) -> Document | None:
        return await self._cluster.get(SECRET, self._owner.namespace, name)

    async def source(self, credential: LLMCredential) -> SourceLogin | None:
        source = credential.spec.source_ref
        return source_login(source, await self.secret(source.name)) if source else None

    async def missing(self, credential: LLMCredential) -> tuple[str, ...]:
        found = []
        for reference in _oauth_references(credential):
            secret = await self.secret(reference.name) if reference else None
            if reference and reference.key not in ((secret or {}).get("data") or {}):
                found.append(f"Secret {reference.name} with the key {reference.key} does not exist")
        return tuple(found)

    async def jobs(self) -> tuple[JobFacts, ...]:
        selector = selector_text(self._owner.selector)
        listing = await self._cluster.list_metadata(JOB, self._owner.namespace, selector)
        names = [each["name"] for each in listing.items]
        documents = await asyncio.gather(*(self._cluster.get(JOB, self._owner.namespace, name) for name in names))
        return tuple(job_facts(each) for each in documents if each is not None)

    async def lease_holder(self) -> str:
        lease = await self._cluster.get(LEASE, self._owner.namespace, self._owner.refresh)
        return ((lease or {}).get("spec") or {}).get("holderIdentity") or ""

    async def claim(
        self,
        mine: Mapping[str, Any],
        credential: LLMCredential,
        source: SourceLogin | None,
        target: Document | None,
    ) -> tuple[str, str] | None:
        record = record_of(target)
        has_login = source is not None and record is not None and source.refresh_fingerprint in record.taken
        if found := older_claim(mine, credential, await self._others(), has_login=has_login):
            return found
        reference = credential.spec.source_ref
        if reference is None or source is None or credential.spec.type != "RefreshToken":
            return None
        selector = f"{SOURCE_LABEL}={source_label_value(reference.name)}"
        listing = await self._cluster.list_metadata(SECRET, self._owner.namespace, selector)
        return taken_login(source.refresh_fingerprint, credential, ({"metadata": each} for each in listing.items))

    async def _others(self) -> list[tuple[Document, LLMCredential]]:
        listing = await self._cluster.list_metadata(CREDENTIAL, self._owner.namespace, "")
        names = [each["name"] for each in listing.items if each["uid"] != self._owner.uid]
        documents = await asyncio.gather(
            *(self._cluster.get(CREDENTIAL, self._owner.namespace, name) for name in names)
        )
        parsed = [(each["metadata"], parse_credential(each)) for each in documents if each is not None]
        return [(metadata, other) for metadata, other in parsed if isinstance(other, LLMCredential)]


def _oauth_references(credential: LLMCredential) -> tuple[Any, ...]:
    oauth = credential.spec.oauth
    return (oauth.client_secret_ref, oauth.ca_secret_ref) if oauth else ()
