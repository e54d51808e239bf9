"""Every kind the operator reads or writes, as one table: apply order, pruning, permissions and watches read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from llmgateway_api import API_VERSION


@dataclass(frozen=True)
class Kind:
    """One kind of the API.

    `rank` is its place in the apply order; `read` says that single objects of it are read; `prunable`, that surplus
    ones are deleted; `applied`, that it is changed after it was made; `optional`, that its CRD may be missing.
    """

    kind: str
    api_version: str
    plural: str
    rank: int = 0
    read: bool = False
    prunable: bool = True
    applied: bool = True
    optional: bool = False

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        return self.api_version.rpartition("/")[2]

    @property
    def prefix(self) -> str:
        """`api` for the core group, `apis` for all others."""
        return "apis" if self.group else "api"


GATEWAY: Final = Kind("LLMGateway", API_VERSION, "llmgateways", read=True)
CREDENTIAL: Final = Kind("LLMCredential", API_VERSION, "llmcredentials", rank=10, read=True)
SERVICE_ACCOUNT: Final = Kind("ServiceAccount", "v1", "serviceaccounts", rank=20, prunable=False)
SECRET: Final = Kind("Secret", "v1", "secrets", rank=30, read=True)
CONFIG_MAP: Final = Kind("ConfigMap", "v1", "configmaps", rank=30)
ROLE: Final = Kind("Role", "rbac.authorization.k8s.io/v1", "roles", rank=35)
ROLE_BINDING: Final = Kind("RoleBinding", "rbac.authorization.k8s.io/v1", "rolebindings", rank=36)
LEASE: Final = Kind("Lease", "coordination.k8s.io/v1", "leases", rank=37, read=True, prunable=False)
CLAIM: Final = Kind("PersistentVolumeClaim", "v1", "persistentvolumeclaims", rank=40, read=True, prunable=False)
SERVICE: Final = Kind("Service", "v1", "services", rank=50, read=True)
NETWORK_POLICY: Final = Kind("NetworkPolicy", "networking.k8s.io/v1", "networkpolicies", rank=55)
DEPLOYMENT: Final = Kind("Deployment", "apps/v1", "deployments", rank=60, read=True)
CRON_JOB: Final = Kind("CronJob", "batch/v1", "cronjobs", rank=65)
JOB: Final = Kind("Job", "batch/v1", "jobs", rank=66, read=True, prunable=False, applied=False)
AUTOSCALER: Final = Kind("HorizontalPodAutoscaler", "autoscaling/v2", "horizontalpodautoscalers", rank=70)
DISRUPTION_BUDGET: Final = Kind("PodDisruptionBudget", "policy/v1", "poddisruptionbudgets", rank=70)
INGRESS: Final = Kind("Ingress", "networking.k8s.io/v1", "ingresses", rank=80)
HTTP_ROUTE: Final = Kind("HTTPRoute", "gateway.networking.k8s.io/v1", "httproutes", rank=80, read=True, optional=True)
SERVICE_MONITOR: Final = Kind("ServiceMonitor", "monitoring.coreos.com/v1", "servicemonitors", rank=90, optional=True)
PROMETHEUS_RULE: Final = Kind("PrometheusRule", "monitoring.coreos.com/v1", "prometheusrules", rank=90, optional=True)

POD: Final = Kind("Pod", "v1", "pods")
EVENT: Final = Kind("Event", "events.k8s.io/v1", "events")

CHILDREN: Final = (
    CREDENTIAL,
    SERVICE_ACCOUNT,
    SECRET,
    CONFIG_MAP,
    CLAIM,
    SERVICE,
    NETWORK_POLICY,
    DEPLOYMENT,
    AUTOSCALER,
    DISRUPTION_BUDGET,
    INGRESS,
    HTTP_ROUTE,
    SERVICE_MONITOR,
    PROMETHEUS_RULE,
    ROLE,
    ROLE_BINDING,
    LEASE,
    CRON_JOB,
    JOB,
)
"""What an LLMGateway or an LLMCredential may own: the allow-list of pruning."""

KINDS: Final[Mapping[str, Kind]] = {each.kind: each for each in (*CHILDREN, GATEWAY, EVENT)}
"""All kinds by name."""


def kind_of(manifest: Mapping[str, Any]) -> Kind:
    """The kind of a manifest. Raises KeyError for kinds that are none of the operator's business."""
    return KINDS[manifest["kind"]]
