"""The cluster of `KUBECONFIG`, else that of `make cluster-up`; the operator in it; gateways to chat with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.cluster import kind_cluster, namespace_cluster
from support.cluster.end_to_end.helm_release import CRDS, OperatorRelease
from support.cluster.end_to_end.namespaces import RESTRICTED, fresh_namespace
from support.cluster.end_to_end.served import Served, serve
from support.cluster.end_to_end.volumes import volume_for
from support.kubectl import Kubectl, KubectlError

VALKEY_USER = 999
FIRST, LAST = "test_whole_path", "test_uninstall"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What a user does first comes first; after the last one there is no operator any more."""
    items.sort(key=lambda item: {FIRST: 0, LAST: 2}.get(item.path.stem, 1))


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
def kubectl(kubeconfig: Path) -> Iterator[Kubectl]:
    """As administrator, in a namespace of the test."""
    with fresh_namespace(kubeconfig) as kubectl:
        yield kubectl


@pytest.fixture(scope="session")
def operator(kubeconfig: Path) -> Iterator[OperatorRelease]:
    """Watches all namespaces. Its own is one in which only `restricted` pods may run; so are those of all gateways."""
    with fresh_namespace(kubeconfig, RESTRICTED) as kubectl:
        release = OperatorRelease(kubeconfig, kubectl.namespace)
        had_crds = kubectl.find("crd", CRDS[0]) is not None
        release.install()
        yield release
        release.uninstall()
        if not had_crds:
            release.remove_crds()


@pytest.fixture
def gateways(kubeconfig: Path, operator: OperatorRelease) -> Iterator[Kubectl]:
    """A namespace for gateways of one test; they are gone before the operator is."""
    with fresh_namespace(kubeconfig, RESTRICTED) as kubectl:
        yield kubectl
        kubectl.run("delete", "llmgateway,llmcredential", "--all", "-n", kubectl.namespace)


@pytest.fixture(scope="session")
def served(kubeconfig: Path, operator: OperatorRelease) -> Iterator[Served]:
    """Shared: whoever changes it puts it back."""
    with fresh_namespace(kubeconfig, RESTRICTED) as kubectl, volume_for(kubectl, "demo-valkey", VALKEY_USER) as node:
        found = serve(kubectl, node)
        yield found
        kubectl.run("delete", "llmgateway,llmcredential", "--all", "-n", kubectl.namespace)


def _reachable(path: Path) -> Path:
    try:
        Kubectl(path).run("version", "--request-timeout=10s")
    except KubectlError as refused:
        pytest.fail(f"the cluster of {path} does not answer: {refused}")
    return path
