"""The gateway's ServiceAccount, Service and Deployment."""

from __future__ import annotations

import math
import posixpath
from collections.abc import Mapping
from typing import Any, Final

from llmgateway_api import RESTART_AT, LLMGateway
from llmgateway_operator.cluster.kinds import DEPLOYMENT, SERVICE, SERVICE_ACCOUNT
from llmgateway_operator.desired.credential_delivery import (
    SECRETS,
    Delivery,
    container_security,
    delivery,
    pod_security,
)
from llmgateway_operator.desired.gateway_config import FILE
from llmgateway_operator.desired.images import image_reference
from llmgateway_operator.desired.mounted_secrets import mounted_secrets, secrets_digest
from llmgateway_operator.desired.naming import PORT, Manifest, Owner
from llmgateway_operator.desired.strategic_merge import merge
from llmgateway_operator.observe.observed import Observed
from llmgateway_operator.settings import Defaults

CONFIG: Final = "/etc/llmgateway/config"
ALL_ADDRESSES: Final = "0.0.0.0"  # noqa: S104  # of the pod
COMMAND: Final = (
    *("llmgateway", "serve", "-f", f"{CONFIG}/{FILE}"),
    *("--host", ALL_ADDRESSES, "--port", str(PORT), "--secrets-dir", SECRETS),
)
PRE_STOP: Final = 15  # seconds in which endpoints and load balancers forget the pod, before it drains
AFTER_DRAIN: Final = 60  # seconds beyond the drain before the kubelet kills

SECRETS_HASH: Final = "llmgateway.dev/secrets-hash"
RESTARTED_AT: Final = "llmgateway.dev/restarted-at"


def service_account(owner: Owner) -> Manifest:
    """The pods talk to no API server."""
    return owner.child(SERVICE_ACCOUNT, owner.gateway, "gateway", automountServiceAccountToken=False)


def service(owner: Owner) -> Manifest:
    """Clients inside the cluster, ingresses and scrapers come through it."""
    port = {"name": "http", "port": PORT, "targetPort": "http", "protocol": "TCP", "appProtocol": "http"}
    spec = {"type": "ClusterIP", "selector": owner.selector("gateway"), "ports": [port]}
    return owner.child(SERVICE, owner.gateway, "gateway", spec=spec)


def deployment(gateway: LLMGateway, observed: Observed, owner: Owner, defaults: Defaults) -> Manifest:
    """Without `replicas` where an autoscaler owns the number."""
    spec: Manifest = {
        "selector": {"matchLabels": owner.selector("gateway")},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}},
        "revisionHistoryLimit": 3,
        "template": merge(_template(gateway, observed, owner, defaults), gateway.spec.pod_template),
    }
    if (replicas := fixed_replicas(gateway)) is not None:
        spec["replicas"] = replicas
    return owner.child(DEPLOYMENT, owner.gateway, "gateway", spec=spec)


def fixed_replicas(gateway: LLMGateway) -> int | None:
    """What the Deployment must say; None: an autoscaler owns it."""
    if gateway.spec.suspend:
        return 0
    return None if gateway.spec.scaling.autoscale else gateway.spec.scaling.replicas


def _template(gateway: LLMGateway, observed: Observed, owner: Owner, defaults: Defaults) -> Manifest:
    image: Manifest = {
        "image": image_reference(gateway.spec.image, defaults.gateway_image),
        "imagePullPolicy": gateway.spec.image.pull_policy,
    }
    delivered = delivery(gateway, mounted_secrets(gateway, observed, owner), image)
    folder = _state_folder(gateway)
    spec: Manifest = {
        "serviceAccountName": owner.gateway,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security(),
        "terminationGracePeriodSeconds": math.ceil(gateway.spec.availability.drain) + AFTER_DRAIN,
        "topologySpreadConstraints": _spread(owner),
        "containers": [_container(image, [*folder.mounts, *delivered.mounts], delivered.environment)],
        "volumes": [
            {"name": "config", "configMap": {"name": owner.gateway}},
            {"name": "tmp", "emptyDir": {}},
            *folder.volumes,
            *delivered.volumes,
        ],
    }
    if delivered.init_containers:
        spec["initContainers"] = delivered.init_containers
    if gateway.spec.image.pull_secrets:
        spec["imagePullSecrets"] = [{"name": each.name} for each in gateway.spec.image.pull_secrets]
    metadata: Manifest = {"labels": owner.labels("gateway")}
    if annotations := _annotations(gateway, observed, owner):
        metadata["annotations"] = annotations
    return {"metadata": metadata, "spec": spec}


def _state_folder(gateway: LLMGateway) -> Delivery:
    """Where a local store may write; gone with the pod, as a warning says."""
    if gateway.spec.store.local is None:
        return Delivery()
    path = posixpath.dirname(gateway.spec.store.local.path)
    return Delivery(volumes=[{"name": "state", "emptyDir": {}}], mounts=[{"name": "state", "mountPath": path}])


def _annotations(gateway: LLMGateway, observed: Observed, owner: Owner) -> dict[str, str]:
    """What rolls the pods when it changes. The configuration is no part of it: the gateway reads that again itself."""
    annotations: dict[str, str] = {}
    if gateway.spec.credentials_delivery.on_change == "RollingRestart":
        annotations[SECRETS_HASH] = secrets_digest(gateway, observed, owner)
    if restart := observed.annotations.get(RESTART_AT):
        annotations[RESTARTED_AT] = restart
    return annotations


def _container(image: Mapping[str, Any], mounts: list[Manifest], environment: list[Manifest]) -> Manifest:
    return {
        "name": "gateway",
        **image,
        "command": list(COMMAND),
        "env": environment,
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "startupProbe": _probe("/healthz", period=1, failures=120),
        "livenessProbe": _probe("/healthz", period=10, failures=6),
        "readinessProbe": _probe("/readyz", period=5, failures=2),
        "lifecycle": {"preStop": {"sleep": {"seconds": PRE_STOP}}},
        "resources": {"requests": {"cpu": "250m", "memory": "256Mi"}},
        "securityContext": container_security(),
        "volumeMounts": [
            {"name": "config", "mountPath": CONFIG, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  # an emptyDir of the pod
            *mounts,
        ],
    }


def _probe(path: str, *, period: int, failures: int) -> Manifest:
    return {
        "httpGet": {"path": path, "port": "http"},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }


def _spread(owner: Owner) -> list[Manifest]:
    """Over nodes and zones where that is possible; never a reason for a pod to wait."""
    return [
        {
            "topologyKey": key,
            "maxSkew": 1,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": owner.selector("gateway")},
        }
        for key in ("kubernetes.io/hostname", "topology.kubernetes.io/zone")
    ]
