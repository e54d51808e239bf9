"""How the number of pods changes: autoscaler, disruption budget, and the hand-over of `replicas` to an autoscaler."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from llmgateway_api import LLMGateway
from llmgateway_api.workload import Autoscale
from llmgateway_operator.cluster.kinds import AUTOSCALER, DEPLOYMENT, DISRUPTION_BUDGET
from llmgateway_operator.cluster.port import FIELD_MANAGER
from llmgateway_operator.desired.naming import Manifest, Owner

STREAMS_METRIC: Final = "llmgateway_streams"
HANDOVER_MANAGER: Final = "llmgateway-operator-handover"


def scaling_manifests(gateway: LLMGateway, owner: Owner) -> Iterator[Manifest]:
    """A suspended gateway has no autoscaler: it would start pods again."""
    if (autoscale := gateway.spec.scaling.autoscale) and not gateway.spec.suspend:
        yield _autoscaler(autoscale, owner)
    if budget := gateway.spec.availability.pod_disruption_budget:
        spec = {
            "minAvailable": budget.min_available,
            "selector": {"matchLabels": owner.selector("gateway")},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",  # pods that serve nobody must not block a node drain
        }
        yield owner.child(DISRUPTION_BUDGET, owner.gateway, "gateway", spec=spec)


def _autoscaler(autoscale: Autoscale, owner: Owner) -> Manifest:
    """Where the streams metric is not served, CPU alone scales out, and nothing scales in: that is safe for streams."""
    streams = {
        "type": "Pods",
        "pods": {
            "metric": {"name": STREAMS_METRIC},
            "target": {"type": "AverageValue", "averageValue": str(autoscale.target_streams)},
        },
    }
    cpu = {
        "type": "Resource",
        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": autoscale.target_cpu}},
    }
    spec = {
        "scaleTargetRef": {"apiVersion": DEPLOYMENT.api_version, "kind": DEPLOYMENT.kind, "name": owner.gateway},
        "minReplicas": autoscale.min,
        "maxReplicas": autoscale.max,
        "metrics": [streams, cpu],
        "behavior": {
            "scaleUp": {
                "stabilizationWindowSeconds": 0,
                "selectPolicy": "Max",
                "policies": [
                    {"type": "Percent", "value": 100, "periodSeconds": 30},
                    {"type": "Pods", "value": 2, "periodSeconds": 30},
                ],
            },
            "scaleDown": {
                "stabilizationWindowSeconds": 600,
                "selectPolicy": "Max",
                "policies": [{"type": "Pods", "value": 1, "periodSeconds": 120}],
            },
        },
    }
    return owner.child(AUTOSCALER, owner.gateway, "gateway", spec=spec)


def replicas_handover(gateway: LLMGateway, deployment: Mapping[str, Any] | None, owner: Owner) -> Manifest | None:
    """What to apply under HANDOVER_MANAGER before `replicas` leaves the operator's own manifest.

    A field that its last owner stops applying is removed, and the Deployment would fall to one pod until the autoscaler
    looks. https://kubernetes.io/docs/reference/using-api/server-side-apply/#transferring-ownership
    """
    autoscale = gateway.spec.scaling.autoscale
    if deployment is None or autoscale is None or gateway.spec.suspend or not _owns_replicas(deployment):
        return None
    now = deployment["spec"].get("replicas", 1)
    return {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.kind,
        "metadata": {"name": owner.gateway, "namespace": owner.namespace},
        "spec": {"replicas": min(max(now, autoscale.min), autoscale.max)},
    }


def _owns_replicas(deployment: Mapping[str, Any]) -> bool:
    return any(
        entry.get("manager") == FIELD_MANAGER and "f:replicas" in entry.get("fieldsV1", {}).get("f:spec", {})
        for entry in deployment["metadata"].get("managedFields", ())
        if not entry.get("subresource")
    )
