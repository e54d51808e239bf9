"""Ready, Reconciling and Stalled: what the single findings come to. kstatus reads these three and the generation."""

from __future__ import annotations

from collections.abc import Sequence

from llmgateway_operator.desired.manifests import owner_of
from llmgateway_operator.status.checks import CHECKS
from llmgateway_operator.status.finding import Finding, Situation, finding
from llmgateway_operator.status.warnings import warnings
from llmgateway_operator.status.workload import Workload, workload_of


def findings(situation: Situation) -> tuple[Finding, ...]:
    """All conditions, in the catalogue's order; those that are only there while true are left out otherwise."""
    single = [check(situation) for check in CHECKS]
    workload = workload_of(situation.observed.deployment, situation.observed.trouble)
    ready = _ready(situation, single, workload)
    stalled = _stalled(situation, single, workload)
    reconciling = None if stalled else _reconciling(situation, single, workload)
    abnormal = [each for each in (reconciling, stalled, warnings(situation)) if each]
    return (*single, ready, *abnormal)


def _ready(situation: Situation, single: Sequence[Finding], workload: Workload) -> Finding:
    gateway, where = situation.gateway, f"Deployment {owner_of(situation.observed).gateway}"
    first_of_all, *others = single
    if gateway is None or not first_of_all.good:
        return _not_ready(first_of_all)
    if gateway.spec.suspend:
        return finding("Ready", "Suspended")
    for each in others:
        if not each.good:
            return _not_ready(each)
    if gateway.spec.scaling.autoscale is None and gateway.spec.scaling.replicas == 0:
        return finding("Ready", "ScaledToZero")
    message = f"{where}: {_counts(workload)}: {workload.complaint}".removesuffix(": ")
    if workload.stuck:
        return finding("Ready", "RolloutStuck", message)
    if not workload.ready:
        return finding("Ready", "PodsStarting", message)
    return finding("Ready", "Serving", _counts(workload))


def _counts(workload: Workload) -> str:
    return f"{workload.ready} of {workload.wanted} pods ready"


def _not_ready(cause: Finding) -> Finding:
    return finding("Ready", cause.reason, cause.message)


def _stalled(situation: Situation, single: Sequence[Finding], workload: Workload) -> Finding | None:
    first_of_all = single[0]
    if not first_of_all.good:
        return finding("Stalled", first_of_all.reason, first_of_all.message)
    if _suspended(situation):
        return None
    if workload.stuck or any(each.reason == "StoreStuck" for each in single):
        return finding("Stalled", "RolloutStuck", workload.complaint)
    return None


def _reconciling(situation: Situation, single: Sequence[Finding], workload: Workload) -> Finding | None:
    if any(each.reason == "StoreStarting" for each in single):
        return finding("Reconciling", "StoreStarting")
    if not workload.settled:
        return finding("Reconciling", "RolloutInProgress", workload.complaint)
    return None


def _suspended(situation: Situation) -> bool:
    return situation.gateway is not None and situation.gateway.spec.suspend
