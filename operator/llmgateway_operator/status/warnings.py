"""What works, but not as it should for long: one sentence each, with the field."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from llmgateway_api import PAUSED, LLMGateway

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
        yield "CRDOutdated", f"CustomResourceDefinition llmgateways.llmgateway.dev lacks {_some(observed.outdated_fields)}"
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


_OF_SPEC: Final[tuple[Callable[[LLMGateway, Observed], Iterator[Warning_]], ...]] = (_sharing,)
