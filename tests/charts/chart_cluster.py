"""A control plane of one's own with charts installed in it: CRDs and cluster roles are for one test file alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from charts.helm_program import OPERATOR_CHART, helm
from support.kubectl import Kubectl
from support.kubernetes_control_plane import ControlPlane
from support.operator_process import QUICK_LEASE, OperatorProcess, running_operator

SYSTEM = "llmgateway-system"
RELEASE = "llmgateway-operator"
CRDS = ("llmgateways.llmgateway.dev", "llmcredentials.llmgateway.dev")
NAMESPACE = {"apiVersion": "v1", "kind": "Namespace"}
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


class ChartCluster:
    """The cluster with what an admin has: kubectl, helm, and the operator under the chart's own account."""

    def __init__(self, control_plane: ControlPlane, folder: Path) -> None:
        self._control_plane = control_plane
        self._folder = folder
        self.kubeconfig = control_plane.kubeconfig
        self.system = Kubectl(self.kubeconfig, SYSTEM)

    def helm(self, *arguments: str, values: dict[str, Any] | None = None) -> str:
        return helm(*arguments, "--namespace", SYSTEM, values=values, kubeconfig=self.kubeconfig)

    def install(self, values: dict[str, Any] | None = None, chart: Path = OPERATOR_CHART, *flags: str) -> None:
        self.helm("install", RELEASE, str(chart), *flags, values=values or {})

    def upgrade(self, values: dict[str, Any] | None = None, chart: Path = OPERATOR_CHART) -> None:
        self.helm("upgrade", RELEASE, str(chart), values=values or {})

    def namespace(self, name: str) -> Kubectl:
        """A namespace that takes no pod but restricted ones."""
        kubectl = Kubectl(self.kubeconfig, name)
        kubectl.apply({**NAMESPACE, "metadata": {"name": name, "labels": RESTRICTED}})
        return kubectl

    @contextmanager
    def operator(self) -> Iterator[OperatorProcess]:
        """As the installed Deployment runs it: its arguments, its service account's token, its permissions."""
        pod = self.system.get("deployment", RELEASE)["spec"]["template"]["spec"]
        flags = [each for each in pod["containers"][0]["args"] if not each.startswith("--health-port")]
        kubeconfig = self._control_plane.identities.service_account(SYSTEM, pod["serviceAccountName"])
        log = self._folder / "operator.log"
        log.unlink(missing_ok=True)
        with running_operator(kubeconfig, log, [], *flags, *QUICK_LEASE, f"--lease-namespace={SYSTEM}") as process:
            yield process

    def clean(self) -> None:
        """Nothing of the charts is left, but for namespaces of tests."""
        for release in self.helm("list", "--short").split():
            self.helm("uninstall", release)
        for crd in CRDS:
            self.system.delete("crd", crd, None, "--ignore-not-found")


@pytest.fixture(scope="module")
def control_plane_for_charts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane(tmp_path_factory.mktemp("charts")) as control_plane:
        yield control_plane


@pytest.fixture
def cluster(control_plane_for_charts: ControlPlane, tmp_path: Path) -> Iterator[ChartCluster]:
    """With the operator's namespace and nothing else."""
    cluster = ChartCluster(control_plane_for_charts, tmp_path)
    cluster.namespace(SYSTEM)
    yield cluster
    cluster.clean()
