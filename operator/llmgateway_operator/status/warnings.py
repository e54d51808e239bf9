"""What works, but not as it should for long: one sentence each, with the field."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Final

from llmgateway_api import PAUSED, LLMGateway
from llmgateway_operator.cluster.kinds import PROMETHEUS_RULE, SERVICE_MONITOR
from llmgateway_operator.desired.manifests import owner_of
from llmgateway_operator.desired.store_memory import MIB, store_memory
from llmgateway_operator.desired.store_workload import claimed
from llmgateway_operator.observe.observed import Observed
from llmgateway_operator.status.finding import Finding, Situation, finding

Warning_ = tuple[str, str]
"""Reason and message."""


def is_paused(observed: Observed) -> bool:
    """Whether the annotation keeps the operator's hands off."""
    return observed.annotations.get(PAUSED, "").lower() == "true"


def warnings(situation: Situation) -> Finding | None:
    """One condition for all: the first one's reason, everyone's message. None: nothing to warn of."""
    all_of_them = list(_warnings(situation))
    if not all_of_them:
        return None
    return finding("ConfigurationWarning", all_of_them[0][0], "; ".join(message for _, message in all_of_them))


def _warnings(situation: Situation) -> Iterator[Warning_]:
    observed, gateway = situation.observed, situation.gateway
    if is_paused(observed):
        yield "Paused", f"metadata.annotations[{PAUSED}]: changes of the spec have no effect"
    if observed.outdated_fields:
        yield (
            "CRDOutdated",
            f"the installed CustomResourceDefinitions lack {_some(observed.outdated_fields)}",
        )
    if gateway is not None:
        for warn in _OF_SPEC:
            yield from warn(gateway, observed)


def _some(fields: tuple[str, ...]) -> str:
    shown = ", ".join(fields[:3])
    return shown if len(fields) <= 3 else f"{shown} and {len(fields) - 3} more fields"


def _sharing(gateway: LLMGateway, observed: Observed) -> Iterator[Warning_]:
    store, scaling = gateway.spec.store, gateway.spec.scaling
    several = scaling.autoscale is not None or scaling.replicas > 1
    if several and not (store.managed or store.external):
        yield "StoreNotShared", "spec.store: several pods without a shared store, each keeps its own conversations"
    if store.local:
        yield "StoreNotKept", "spec.store.local: in a cluster the file is gone with the pod"


def _memory(gateway: LLMGateway, observed: Observed) -> Iterator[Warning_]:
    if not (store := gateway.spec.store.managed):
        return
    memory = store_memory(store)
    if not memory.safe:
        needed = f"{math.ceil(memory.needed / MIB)}Mi"
        yield (
            "StoreMemoryUnsafe",
            f"spec.store.managed.maxmemory: {memory.maxmemory} bytes with persistence {store.persistence.mode} need a "
            f"memory limit of {needed}, resources.limits.memory is {memory.limit} bytes: the pod may be killed",
        )
    if store.maxmemory_policy == "noeviction":
        yield "StoreEvictionDisabled", "spec.store.managed.maxmemoryPolicy: noeviction makes a full store refuse writes"


def _volume(gateway: LLMGateway, observed: Observed) -> Iterator[Warning_]:
    store, size = gateway.spec.store.managed, claimed(observed)
    if store is None or size is None:
        return
    if store.persistence.mode == "None":
        yield (
            "VolumeKept",
            f"spec.store.managed.persistence: PersistentVolumeClaim {owner_of(observed).store} is still there",
        )
    elif size.bytes > store.persistence.size.bytes:
        yield "VolumeNeverShrinks", f"spec.store.managed.persistence.size: the volume was asked to hold {size} already"


def _monitoring(gateway: LLMGateway, observed: Observed) -> Iterator[Warning_]:
    wanted = gateway.spec.observability
    for field, asked, kind in (
        ("serviceMonitor", wanted.service_monitor, SERVICE_MONITOR.kind),
        ("prometheusRule", wanted.prometheus_rule, PROMETHEUS_RULE.kind),
    ):
        if asked and kind not in observed.optional_kinds:
            yield "MonitoringMissing", f"spec.observability.{field}: the cluster does not serve {kind}"


_OF_SPEC: Final[tuple[Callable[[LLMGateway, Observed], Iterator[Warning_]], ...]] = (
    _sharing,
    _memory,
    _volume,
    _monitoring,
)
