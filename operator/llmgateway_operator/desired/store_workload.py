"""A Valkey of the gateway's own: Deployment, Service, and a volume where the data shall survive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from llmgateway_api import LLMGateway, ManagedStore, Quantity
from llmgateway_operator.cluster.kinds import CLAIM, DEPLOYMENT, SERVICE
from llmgateway_operator.desired.credential_delivery import container_security, pod_security
from llmgateway_operator.desired.images import image_reference
from llmgateway_operator.desired.naming import STORE_PORT, Manifest, Owner
from llmgateway_operator.desired.store_memory import store_memory
from llmgateway_operator.desired.store_secret import ACL_FILE, PROBE_USER, store_secret
from llmgateway_operator.observe.observed import Observed
from llmgateway_operator.settings import Defaults

USER: Final = 999  # the valkey user of the official image
DATA: Final = "/data"
ACL_FOLDER: Final = "/etc/valkey"
_CLI: Final = f"valkey-cli -h 127.0.0.1 -p {STORE_PORT} --user {PROBE_USER} --pass none --no-auth-warning"
READY: Final = f"""set -eu
now=$(sha256sum {ACL_FOLDER}/{ACL_FILE})
if [ "$now" != "$(cat /tmp/acl 2>/dev/null || true)" ]; then
  [ "$({_CLI} ACL LOAD)" = OK ]
  printf %s "$now" > /tmp/acl
fi
[ "$({_CLI} PING)" = PONG ]
"""
"""Loads the ACL file again when it has changed: nothing else in the pod notices a rotated password."""
ALIVE: Final = f"{_CLI} PING | grep -qE 'PONG|LOADING'"
_SAVE: Final = {"None": "", "RDB": "900 1 300 100 60 10000", "AOF": ""}


def store_manifests(gateway: LLMGateway, observed: Observed, owner: Owner, defaults: Defaults) -> Iterator[Manifest]:
    """Nothing where the store is not managed."""
    if store := gateway.spec.store.managed:
        yield store_secret(observed, owner)
        yield _service(owner)
        if store.persistence.mode != "None":
            yield _claim(store, observed, owner)
        yield _deployment(gateway, store, owner, defaults)


def _service(owner: Owner) -> Manifest:
    port = {"name": "valkey", "port": STORE_PORT, "targetPort": "valkey", "protocol": "TCP"}
    spec = {"type": "ClusterIP", "selector": owner.selector("store"), "ports": [port]}
    return owner.child(SERVICE, owner.store, "store", spec=spec)


def claimed(observed: Observed) -> Quantity | None:
    """What the existing volume was asked to hold."""
    if observed.claim is None:
        return None
    return Quantity(observed.claim["spec"]["resources"]["requests"]["storage"])


def _claim(store: ManagedStore, observed: Observed, owner: Owner) -> Manifest:
    """Volumes can grow and not shrink: the larger one of wish and present counts."""
    size, present = store.persistence.size, claimed(observed)
    if present is not None and present.bytes > size.bytes:
        size = present
    spec: Manifest = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": str(size.text)}}}
    if store.persistence.storage_class_name:
        spec["storageClassName"] = store.persistence.storage_class_name
    return owner.child(CLAIM, owner.store, "store", spec=spec)


def _deployment(gateway: LLMGateway, store: ManagedStore, owner: Owner, defaults: Defaults) -> Manifest:
    """Recreate: two writers on one volume, or two masters behind one Service, would lose data."""
    keeps = store.persistence.mode != "None"
    spec: Manifest = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security(USER),
        "terminationGracePeriodSeconds": 60,
        "containers": [_container(store, defaults)],
        "volumes": [
            {"name": "acl", "secret": {"secretName": owner.store, "items": [{"key": ACL_FILE, "path": ACL_FILE}]}},
            {"name": "tmp", "emptyDir": {}},
            {"name": "data", **({"persistentVolumeClaim": {"claimName": owner.store}} if keeps else {"emptyDir": {}})},
        ],
    }
    if store.image.pull_secrets:
        spec["imagePullSecrets"] = [{"name": each.name} for each in store.image.pull_secrets]
    body = {
        "replicas": 0 if gateway.spec.suspend else 1,
        "selector": {"matchLabels": owner.selector("store")},
        "strategy": {"type": "Recreate"},
        "revisionHistoryLimit": 3,
        "template": {"metadata": {"labels": owner.labels("store")}, "spec": spec},
    }
    return owner.child(DEPLOYMENT, owner.store, "store", spec=body)


def _container(store: ManagedStore, defaults: Defaults) -> Manifest:
    return {
        "name": "valkey",
        "image": image_reference(store.image, defaults.store_image),
        "imagePullPolicy": store.image.pull_policy,
        "command": ["valkey-server"],
        "args": _arguments(store),
        "ports": [{"name": "valkey", "containerPort": STORE_PORT, "protocol": "TCP"}],
        "readinessProbe": _probe(READY, period=5, failures=2),
        "livenessProbe": _probe(ALIVE, period=10, failures=6),
        "resources": _resources(store),
        "securityContext": container_security(),
        "volumeMounts": [
            {"name": "acl", "mountPath": ACL_FOLDER, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108  # an emptyDir of the pod
            {"name": "data", "mountPath": DATA},
        ],
    }


def _arguments(store: ManagedStore) -> list[str]:
    return [
        "--port", str(STORE_PORT),
        "--aclfile", f"{ACL_FOLDER}/{ACL_FILE}",
        "--dir", DATA,
        "--maxmemory", str(store_memory(store).maxmemory),
        "--maxmemory-policy", store.maxmemory_policy,
        "--save", _SAVE[store.persistence.mode],
        "--appendonly", "yes" if store.persistence.mode == "AOF" else "no",
    ]  # fmt: skip


def _resources(store: ManagedStore) -> Manifest:
    limits = {name: amount.text for name, amount in store.resources.limits.items()}
    requests = {"cpu": "50m"} | {name: amount.text for name, amount in store.resources.requests.items()}
    return {"requests": requests, "limits": limits | {"memory": str(store_memory(store).limit)}}


def _probe(script: str, *, period: int, failures: int) -> Manifest:
    return {
        "exec": {"command": ["/bin/sh", "-c", script]},
        "periodSeconds": period,
        "timeoutSeconds": 5,
        "failureThreshold": failures,
    }
