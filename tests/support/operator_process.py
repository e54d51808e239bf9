"""The real operator as a process of its own, against a real API server."""

from __future__ import annotations

import http.client
import os
import re
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.kubectl import Kubectl, wait_until
from support.server_process import ServerProcess

CRDS = Path(__file__).parents[2] / "crds"
QUICK_LEASE = ("--lease-duration", "2", "--renew-deadline", "1.5", "--retry-period", "0.2")


def install_crds(kubeconfig: Path) -> None:
    """Applies the project's CRDs and waits until they are served. May be called any number of times."""
    administrator = Kubectl(kubeconfig)
    for crd in sorted(CRDS.glob("llmgateway.dev_*.yaml")):
        administrator.run("apply", "--server-side", "--force-conflicts", "-f", str(crd))
    for name in ("llmgateways.llmgateway.dev", "llmcredentials.llmgateway.dev"):
        wait_until(lambda name=name: _established(administrator.get("crd", name)), 30, f"CRD {name}")


def _established(crd: Mapping[str, Any]) -> bool:
    conditions = crd.get("status", {}).get("conditions") or ()
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


class OperatorProcess(ServerProcess):
    """`llmgateway-operator` with a kubeconfig; ready once it answers on its health port."""

    def __init__(self, kubeconfig: Path, log: Path, *flags: str, environment: Mapping[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "llmgateway_operator", "--health-host", "127.0.0.1", "--health-port", "0"]
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("KUBERNETES_")}
        given = {**inherited, **(environment or {}), "KUBECONFIG": str(kubeconfig)}
        super().__init__([*command, *QUICK_LEASE, *flags], log, given)
        self._port: int | None = None

    @property
    def port(self) -> int:
        """Of /healthz, /readyz and /metrics, as the log says."""
        if self._port is None:
            said = wait_until(lambda: re.search(r"health on port (\d+)", self.log.read_text()), 30, "the health port")
            self._port = int(said[1])
        return self._port

    def status(self, path: str) -> int:
        """The HTTP status of a health endpoint."""
        try:
            with _open(f"http://127.0.0.1:{self.port}{path}") as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code

    def metrics(self) -> str:
        """The text of /metrics."""
        with _open(f"http://127.0.0.1:{self.port}/metrics") as answer:
            return str(answer.read().decode())

    def metric(self, name: str) -> float:
        found = re.search(rf"^{name} (\S+)$", self.metrics(), re.MULTILINE)
        assert found, f"no metric {name}"
        return float(found[1])

    def leads(self) -> bool:
        return self.is_running() and self.metric("llmgateway_operator_leader") == 1


@contextmanager
def running_operator(kubeconfig: Path, log: Path, namespaces: Sequence[str], *flags: str) -> Iterator[OperatorProcess]:
    """Namespaced and ready; ended in the end."""
    chosen = [part for each in namespaces for part in ("--namespace", each)]
    process = OperatorProcess(kubeconfig, log, *chosen, *flags)
    try:
        process.wait_until_ready(lambda: process.status("/readyz") == 200 and process.leads(), 60)
        yield process
    finally:
        process.stop()


def _open(url: str) -> http.client.HTTPResponse:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    answer: http.client.HTTPResponse = opener.open(url, timeout=5)
    return answer


@dataclass(frozen=True)
class Stage:
    """One operator in a namespace of its own; several tests may play on it with gateways of different names."""

    kubectl: Kubectl
    operator: OperatorProcess

    def condition(self, gateway: str, kind: str) -> dict[str, Any]:
        """A condition of a gateway; empty where it has none."""
        conditions = self.kubectl.get("llmgateway", gateway).get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == kind), {})

    def wait_for(self, gateway: str, kind: str, reason: str, timeout: float = 20) -> dict[str, Any]:
        """The condition once it has that reason."""
        wait_until(lambda: self.condition(gateway, kind).get("reason") == reason, timeout, f"{kind}: {reason}")
        return self.condition(gateway, kind)

    def pod(self, gateway: str) -> str:
        """The name of a gateway's first pod."""
        selector = f"app.kubernetes.io/instance={gateway}"
        pods = wait_until(lambda: self.kubectl.items("pods", selector=selector), 20, f"a pod of {gateway}")
        return str(pods[0]["metadata"]["name"])

    def child(self, kind: str, name: str) -> dict[str, Any]:
        """A child once it is there."""
        return wait_until(lambda: self.kubectl.find(kind, name), 20, f"{kind} {name}")


@contextmanager
def stage(kubeconfig: Path, folder: Path, *flags: str) -> Iterator[Stage]:
    """In the end no reconciliation may have failed with a traceback."""
    install_crds(kubeconfig)
    kubectl = Kubectl(kubeconfig, f"operator-{uuid.uuid4().hex[:10]}")
    kubectl.run("create", "namespace", kubectl.namespace)
    with running_operator(kubeconfig, folder / "operator.log", [kubectl.namespace], *flags) as operator:
        yield Stage(kubectl, operator)
    kubectl.run("delete", "namespace", kubectl.namespace, "--wait=false")
    assert "Traceback" not in operator.log.read_text(), operator.log_tail(60)
