"""A real control plane for all tests of this folder; a fresh namespace for each."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.kubectl import Kubectl
from support.kubernetes_control_plane import ControlPlane
from support.shared_control_plane import SharedControlPlane, shared_control_plane


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedControlPlane]:
    """Shared by all processes of the run: work in `namespace`, clean up what is cluster-wide."""
    base = tmp_path_factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with shared_control_plane(root / "control-plane") as shared:
        yield shared


@pytest.fixture
def own_control_plane(tmp_path: Path) -> Iterator[ControlPlane]:
    """For fault tests: one that a test may stop, pause and restart."""
    with ControlPlane(tmp_path) as own:
        yield own


@pytest.fixture
def namespace(control_plane: SharedControlPlane) -> Iterator[str]:
    name = f"test-{uuid.uuid4().hex[:10]}"
    administrator = Kubectl(control_plane.kubeconfig)
    administrator.run("create", "namespace", name)
    yield name
    administrator.run("delete", "namespace", name, "--wait=false")


@pytest.fixture
def kubectl(control_plane: SharedControlPlane, namespace: str) -> Kubectl:
    """As administrator, in the test's namespace."""
    return Kubectl(control_plane.kubeconfig, namespace)
