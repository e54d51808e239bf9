"""One LLMCredential, level-triggered: gather -> parse -> claim -> apply -> prune -> copy or run -> status."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from llmgateway_api import LLMCredential, parse_credential
from llmgateway_operator.apply import Applier
from llmgateway_operator.cluster.errors import Conflict, Rejected
from llmgateway_operator.cluster.kinds import CREDENTIAL, kind_of
from llmgateway_operator.cluster.port import Cluster, Document
from llmgateway_operator.credential.access_copy import COPY_MANAGER, access_copy
from llmgateway_operator.credential.facts import Facts, JobFacts
from llmgateway_operator.credential.gather import gather, referenced
from llmgateway_operator.credential.gauges import CredentialGauges
from llmgateway_operator.credential.refresh_children import children, job, token_secrets
from llmgateway_operator.credential.triggers import trigger
from llmgateway_operator.credential.verdicts import invalid_status, next_refresh, status, token_lives, verdict
from llmgateway_operator.events import Announcer
from llmgateway_operator.keys import Key
from llmgateway_operator.references import ReferenceIndex
from llmgateway_operator.settings import Defaults

log = logging.getLogger(__name__)

WHILE_RUNNING: Final = 5.0
"""Seconds until the next look while a Job runs: the CronJob's Jobs are not owned by the LLMCredential."""
WHILE_CLAIMED: Final = 60.0
"""Seconds until the next look at a claim: the older LLMCredential may go."""


@dataclass(frozen=True)
class CredentialReconciler:
    """Everything that reconciling a credential needs; one for all credentials. `now` gives the time as RFC 3339."""

    cluster: Cluster
    applier: Applier
    references: ReferenceIndex
    announcer: Announcer
    gauges: CredentialGauges
    defaults: Defaults
    now: Callable[[], str]

    async def __call__(self, key: Key) -> float | None:
        """Seconds until the next look, None to wait for changes. Raises ClusterError to be tried again."""
        document = await self.cluster.get(CREDENTIAL, key.namespace, key.name)
        if document is None or "deletionTimestamp" in document["metadata"]:
            self.references.forget(key)
            self.gauges.forget(key)
            if document is not None:
                self.applier.forget(document["metadata"]["uid"])
            return None
        parsed = parse_credential(document)
        if not isinstance(parsed, LLMCredential):
            await self._report_invalid(document, [str(error) for error in parsed])
            return None
        facts = await gather(self.cluster, document, parsed)
        self.references.put(key, referenced(parsed, facts.owner))
        refused: tuple[str, ...] = ()
        if facts.claim is None:
            facts, refused = await self._enforce(facts)
        await self._report(document, facts, refused)
        return self._look_again(facts)

    async def _enforce(self, facts: Facts) -> tuple[Facts, tuple[str, ...]]:
        facts = await self._token_secrets(facts)
        manifests = list(children(facts.credential, facts.owner, self.defaults.gateway_image))
        manifests.sort(key=lambda each: kind_of(each).rank)
        applied = await self.applier.apply(manifests)
        if applied.refused:
            return facts, tuple(sorted(applied.refused))
        await self.applier.prune(facts.owner.uid, manifests)
        if copy := access_copy(facts, self.now()):
            return replace(facts, target=await self.cluster.apply(copy, manager=COPY_MANAGER)), ()
        return await self._run(facts), ()

    async def _token_secrets(self, facts: Facts) -> Facts:
        """They have no owner, so the applier, which knows children by their owner, has no part in them."""
        known = {facts.credential.target_secret_name: facts.target, facts.owner.recovery: facts.recovery}
        for manifest in token_secrets(facts.credential, facts.owner):
            name, labels = manifest["metadata"]["name"], manifest["metadata"]["labels"]
            if not labels.items() <= _labels(known[name]).items():
                known[name] = await self.cluster.apply(manifest)
        target, recovery = known.values()
        return replace(facts, target=target, recovery=recovery)

    async def _run(self, facts: Facts) -> Facts:
        """Makes the Job that is wanted now."""
        wanted = trigger(facts)
        if wanted is None:
            return facts
        manifest = job(
            facts.credential,
            facts.owner,
            self.defaults.gateway_image,
            name=wanted.job,
            trigger=wanted.label,
            ended_job=wanted.ended_job,
        )
        try:
            await self.cluster.create(manifest)
        except Conflict:
            log.info("Job %s exists", wanted.job)
        else:
            log.info("Job %s/%s: %s", facts.owner.namespace, wanted.job, wanted.why.partition(" ")[0])
        return replace(facts, jobs=(*facts.jobs, JobFacts(wanted.job, wanted.label, finished=False)))

    async def _report(self, document: Document, facts: Facts, refused: tuple[str, ...]) -> None:
        metadata, before = document["metadata"], document.get("status") or {}
        judged = verdict(facts, refused)
        await self._write(document, status(facts, judged, before, metadata["generation"], self._moment()))

    async def _report_invalid(self, document: Document, sentences: list[str]) -> None:
        metadata, before = document["metadata"], document.get("status") or {}
        await self._write(document, invalid_status(sentences, before, metadata["generation"], self._moment()))

    async def _write(self, document: Document, now: Document) -> None:
        metadata = document["metadata"]
        self.gauges.note(Key(CREDENTIAL.kind, metadata["namespace"], metadata["name"]), now)
        if now == document.get("status"):
            return
        names = {name: metadata[name] for name in ("name", "namespace", "uid")}
        manifest = {"apiVersion": CREDENTIAL.api_version, "kind": CREDENTIAL.kind, "metadata": names, "status": now}
        try:
            await self.cluster.apply_status(manifest)
        except Rejected as refused:
            if refused.status != 404:  # deleted meanwhile
                raise
        await self.announcer.announce(document, now)

    def _look_again(self, facts: Facts) -> float | None:
        if facts.running:
            return WHILE_RUNNING
        if facts.claim:
            return WHILE_CLAIMED
        upcoming = next_refresh(facts)
        if upcoming is None or not token_lives(facts, self._moment()):
            return None
        return max(60.0, (upcoming - self._moment()).total_seconds() + 60.0)

    def _moment(self) -> datetime:
        return datetime.fromisoformat(self.now())


def _labels(secret: Mapping[str, Any] | None) -> Mapping[str, str]:
    return ((secret or {}).get("metadata") or {}).get("labels") or {}
