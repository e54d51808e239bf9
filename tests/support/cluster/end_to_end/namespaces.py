"""Fresh namespaces for tests, gone afterwards."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.kubectl import Kubectl

RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"


@contextmanager
def fresh_namespace(kubeconfig: Path, *labels: str) -> Iterator[Kubectl]:
    """kubectl as administrator in it; `labels` as `key=value`."""
    kubectl = Kubectl(kubeconfig, f"e2e-{uuid.uuid4().hex[:10]}")
    kubectl.run("create", "namespace", kubectl.namespace)
    try:
        if labels:
            kubectl.run("label", "namespace", kubectl.namespace, *labels)
        yield kubectl
    finally:
        kubectl.run("delete", "namespace", kubectl.namespace, "--wait=false")
