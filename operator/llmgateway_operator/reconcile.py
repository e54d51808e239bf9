"""One LLMGateway, level-triggered: gather -> parse -> desired -> apply -> prune -> status."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from llmgateway_api import ApiError, LLMGateway, parse_gateway
from llmgateway_operator.apply import Applied, Applier
from llmgateway_operator.cluster.capabilities import Capabilities
from llmgateway_operator.cluster.errors import Rejected
from llmgateway_operator.cluster.index import ObjectId
from llmgateway_operator.cluster.kinds import CLAIM, DEPLOYMENT, GATEWAY, HTTP_ROUTE
from llmgateway_operator.cluster.port import Cluster, Document
from llmgateway_operator.desired.manifests import desired_manifests, owner_of
from llmgateway_operator.desired.scaling import HANDOVER_MANAGER, replicas_handover
from llmgateway_operator.events import Announcer
from llmgateway_operator.keys import Key
from llmgateway_operator.observe.gather import gather, referenced
from llmgateway_operator.observe.observed import Observed
from llmgateway_operator.observe.pod_trouble import lacks_pods
from llmgateway_operator.references import ReferenceIndex
from llmgateway_operator.settings import Defaults
from llmgateway_operator.status.finding import Situation
from llmgateway_operator.status.gateway_status import gateway_status
from llmgateway_operator.status.summary import findings
from llmgateway_operator.status.warnings import is_paused

log = logging.getLogger(__name__)

UNWATCHED_REFERENCE = 10.0
"""Seconds until the next look while a Service or a CRD is missing: neither is watched."""

UNREADY_PODS = 30.0
"""Seconds until the next look while pods are not ready: pods are not watched, and their troubles change."""


@dataclass(frozen=True)
class GatewayReconciler:
    """Everything that reconciling a gateway needs; one for all gateways. `now` gives the time as RFC 3339."""

    cluster: Cluster
    applier: Applier
    references: ReferenceIndex
    capabilities: Capabilities
    announcer: Announcer
    defaults: Defaults
    now: Callable[[], str]

    async def __call__(self, key: Key) -> float | None:
        """Seconds until the next look, None to wait for changes. Raises ClusterError to be tried again."""
        document = await self.cluster.get(GATEWAY, key.namespace, key.name)
        if document is None or "deletionTimestamp" in document["metadata"]:
            self._forget(key, document)
            return None
        parsed = parse_gateway(document)
        gateway = parsed if isinstance(parsed, LLMGateway) else None
        errors: tuple[ApiError, ...] = () if isinstance(parsed, LLMGateway) else tuple(parsed)
        observed = await gather(self.cluster, document, gateway, self.capabilities, self.applier.knows)
        refused: tuple[str, ...] = ()
        if gateway is not None:
            self.references.put(key, referenced(gateway, observed))
            if not is_paused(observed):
                observed, refused = await self._enforce(gateway, observed)
        situation = Situation(observed, gateway, errors, refused)
        return await self._report(document, situation)

    def _forget(self, key: Key, document: Document | None) -> None:
        self.references.forget(key)
        if document is not None:
            self.applier.forget(document["metadata"]["uid"])

    async def _enforce(self, gateway: LLMGateway, observed: Observed) -> tuple[Observed, tuple[str, ...]]:
        if handover := replicas_handover(gateway, observed.deployment, owner_of(observed)):
            await self.cluster.apply(handover, manager=HANDOVER_MANAGER)
        manifests = desired_manifests(gateway, observed, self.defaults)
        applied = await self.applier.apply(manifests)
        if not applied.refused:
            await self.applier.prune(observed.uid, manifests)
        return _updated(observed, applied), tuple(sorted(applied.refused))

    async def _report(self, document: Document, situation: Situation) -> float | None:
        found = findings(situation)
        status = gateway_status(situation, found, self.now())
        if status != document.get("status"):
            try:
                await self.cluster.apply_status(_status_manifest(document, status))
            except Rejected as refused:
                if refused.status != 404:  # deleted meanwhile
                    raise
            await self.announcer.announce(document, status)
        unwatched = ("ServiceNotFound", "GatewayAPIMissing", "MonitoringMissing", "ApplyRejected")
        if any(each.reason in unwatched for each in found):
            return UNWATCHED_REFERENCE
        observed = situation.observed
        return UNREADY_PODS if any(map(lacks_pods, (observed.deployment, observed.store_deployment))) else None


def _updated(observed: Observed, applied: Applied) -> Observed:
    """The view with what the API server answered to the operator's own writes."""
    owner = owner_of(observed)
    places = {
        "deployment": (DEPLOYMENT.kind, owner.gateway),
        "store_deployment": (DEPLOYMENT.kind, owner.store),
        "claim": (CLAIM.kind, owner.store),
        "route": (HTTP_ROUTE.kind, owner.gateway),
    }
    fresh: dict[str, Any] = {}
    for field, (kind, name) in places.items():
        if live := applied.live.get(ObjectId(kind, observed.namespace, name)):
            fresh[field] = live
    return replace(observed, **fresh)


def _status_manifest(document: Document, status: Document) -> Document:
    metadata = document["metadata"]
    return {
        "apiVersion": document["apiVersion"],
        "kind": document["kind"],
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]},
        "status": status,
    }
