"""The cluster of `KUBECONFIG`, else the one that `make cluster-up` started; a fresh namespace for each test."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster import kind_cluster, namespace_cluster
from support.kubectl import Kubectl, KubectlError


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    """Fails, not skips, when there is no cluster: a suite that ran nothing has shown nothing."""
    started = [kind_cluster.KUBECONFIG, namespace_cluster.KUBECONFIG]
    named = [Path(each) for each in os.environ.get("KUBECONFIG", "").split(":")[:1] if each]
    for path in named or started:
        if path.exists():
            return _reachable(path)
    pytest.fail("there is no cluster: run `make cluster-up`, or set KUBECONFIG to a cluster of yours")


@pytest.fixture
def namespace(kubeconfig: Path) -> Iterator[str]:
    name = f"e2e-{uuid.uuid4().hex[:10]}"
    administrator = Kubectl(kubeconfig)
    administrator.run("create", "namespace", name)
    yield name
    administrator.run("delete", "namespace", name, "--wait=false")


@pytest.fixture
def kubectl(kubeconfig: Path, namespace: str) -> Kubectl:
    """As administrator, in the test's namespace."""
    return Kubectl(kubeconfig, namespace)


def _reachable(path: Path) -> Path:
    try:
        Kubectl(path).run("version", "--request-timeout=10s")
    except KubectlError as refused:
        pytest.fail(f"the cluster of {path} does not answer: {refused}")
    return path
