"""A volume for a claim: the cluster's own provisioner's, or where there is none a folder of a node."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support.cluster.end_to_end.client_pods import client_image, wait_for_phase
from support.cluster.end_to_end.namespaces import fresh_namespace
from support.kubectl import Kubectl

DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
PARENT = "/var/lib/llmgateway-e2e"


@contextmanager
def volume_for(kubectl: Kubectl, claim: str, user: int) -> Iterator[str]:
    """The claim of that name in kubectl's namespace will be bound, writable for `user`; the name of the node that
    its pods are bound to, empty: any."""
    if _has_default_class(kubectl):
        yield ""
        return
    node = kubectl.items("nodes")[0]["metadata"]["name"]
    name = f"{kubectl.namespace}-{claim}"
    _on_node(kubectl.kubeconfig, node, f"mkdir -p {PARENT}/{name} && chown {user}:{user} {PARENT}/{name}")
    kubectl.apply(_volume(name, node, kubectl.namespace, claim))
    try:
        yield node
    finally:
        kubectl.delete("persistentvolume", name, None, "--wait=false")
        _on_node(kubectl.kubeconfig, node, f"rm -rf {PARENT}/{name}")


def _has_default_class(kubectl: Kubectl) -> bool:
    classes = kubectl.items("storageclasses")
    return any(each["metadata"].get("annotations", {}).get(DEFAULT_CLASS) == "true" for each in classes)


def _volume(name: str, node: str, namespace: str, claim: str) -> dict[str, Any]:
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}
    spec = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        "claimRef": {"namespace": namespace, "name": claim},
        "hostPath": {"path": f"{PARENT}/{name}"},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
    }
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}


def _on_node(kubeconfig: Path, node: str, command: str) -> None:
    """As root, in a pod that sees /var/lib of the node."""
    container = {
        "name": "shell",
        "image": client_image(),
        "command": ["sh", "-ec", command],
        "securityContext": {"runAsUser": 0},
        "volumeMounts": [{"name": "lib", "mountPath": "/var/lib"}],
    }
    spec = {
        "nodeName": node,
        "restartPolicy": "Never",
        "containers": [container],
        "volumes": [{"name": "lib", "hostPath": {"path": "/var/lib"}}],
    }
    with fresh_namespace(kubeconfig) as kubectl:
        kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "shell"}, "spec": spec})
        if wait_for_phase(kubectl, "shell", 60) == "Failed":
            raise AssertionError(kubectl.run("logs", "shell", "-n", kubectl.namespace))
