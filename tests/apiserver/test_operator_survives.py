"""What goes wrong between the operator and the API server, and how it ends: as the spec says."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from support.kubectl import Kubectl, wait_until
from support.kubernetes_control_plane import ControlPlane
from support.kubernetes_fault_proxy import FaultProxy, Request
from support.operator_gateways import small_gateway
from support.operator_process import OperatorProcess, install_crds, running_operator
from support.shared_control_plane import SharedControlPlane

WRITES = ("create", "update", "patch", "delete")
CHILDREN = "serviceaccounts,configmaps,services,deployments,secrets"
STORE = {"managed": {"persistence": {"mode": "AOF"}}}
FAULTS = ((409, {}), (429, {"Retry_After": "1"}), (500, {}), (503, {}), (None, {}))


@pytest.fixture
def account(control_plane: SharedControlPlane, kubectl: Kubectl) -> Path:
    """An administrator's service account: the proxy passes tokens on, not certificates."""
    install_crds(control_plane.kubeconfig)
    namespace = kubectl.namespace
    kubectl.run("create", "serviceaccount", "operator", "-n", namespace)
    subject = f"--serviceaccount={namespace}:operator"
    kubectl.run("create", "rolebinding", "operator", "--clusterrole=cluster-admin", subject, "-n", namespace)
    return control_plane.identities.service_account(namespace, "operator")


@pytest.fixture
def proxy(control_plane: SharedControlPlane) -> Iterator[FaultProxy]:
    authority = control_plane.kubeconfig.parents[1] / "pki" / "ca.crt"
    with FaultProxy(control_plane.identities.server, authority) as between:
        yield between


def is_write(request: Request) -> bool:
    return request.verb in WRITES and not request.resource.endswith(("leases", "events"))


def complete(kubectl: Kubectl) -> bool:
    """Every child is there and the status says so."""
    names = {(each["kind"], each["metadata"]["name"]) for each in owned(kubectl)}
    status = kubectl.get("llmgateway", "demo").get("status", {})
    return len(names) == 8 and status.get("observedGeneration", -1) > 0


def replicas(kubectl: Kubectl) -> int:
    count: int = kubectl.get("deployment", "demo-gateway")["spec"]["replicas"]
    return count


def owned(kubectl: Kubectl) -> list[dict[str, Any]]:
    kinds = f"{CHILDREN},persistentvolumeclaims"
    return kubectl.items(kinds, selector="app.kubernetes.io/managed-by=llmgateway-operator")


def test_every_kind_of_failure_at_every_write_is_overcome(
    account: Path, proxy: FaultProxy, kubectl: Kubectl, tmp_path: Path
) -> None:
    """Each of five gateways meets the failures in another order: every write meets every failure."""
    failed: dict[Request, int] = {}

    def meets(which: int) -> Callable[[Request], bool]:
        def wants(request: Request) -> bool:
            if not is_write(request) or request in failed or not (found := re.match(r"g(\d)", request.name)):
                return False
            order = sum(each.name[:2] == request.name[:2] for each in failed)
            if (order + int(found[1])) % len(FAULTS) != which:
                return False
            failed[request] = which
            return True

        return wants

    for which, (status, headers) in enumerate(FAULTS):
        proxy.fail(meets(which), status, times=1000, after=which % 2 == 1, **headers)
    names = [f"g{number}" for number in range(len(FAULTS))]
    kubectl.apply([small_gateway(name) for name in names])
    kubeconfig = proxy.kubeconfig(account, tmp_path / "kubeconfig")
    with running_operator(kubeconfig, tmp_path / "log", [kubectl.namespace]) as operator:
        for name in names:
            status_of = partial(kubectl.get, "llmgateway", name)
            wait_until(lambda of=status_of: of().get("status", {}).get("url"), 60, f"{name} in spite of the failures")
        assert operator.is_running()
    assert len(failed) == 5 * len(FAULTS)
    assert set(failed.values()) == set(range(len(FAULTS)))


def test_an_operator_killed_at_any_write_is_followed_by_one_that_finishes(
    account: Path, proxy: FaultProxy, kubectl: Kubectl, tmp_path: Path
) -> None:
    kubeconfig = proxy.kubeconfig(account, tmp_path / "kubeconfig")
    kubectl.apply(small_gateway(store=STORE))
    deaths = 0
    while deaths < 30:
        with operator_that_dies(kubeconfig, tmp_path / f"{deaths}.log", kubectl.namespace, deaths) as (process, dies):
            fault = proxy.fail(write_number(deaths + 1), None, after=deaths % 2 == 0, then=dies)
            wait_until(lambda gone=process: not gone.is_running() or complete(kubectl), 30, "death or success")
            if process.is_running():
                break
        fault.times = 0
        deaths += 1
    assert deaths >= 7
    assert complete(kubectl)
    assert len({each["metadata"]["uid"] for each in owned(kubectl)}) == 8


def write_number(number: int) -> Callable[[Request], bool]:
    """Every process applies everything once: its predecessor's memory is gone."""
    seen = 0

    def wants(request: Request) -> bool:
        nonlocal seen
        seen += is_write(request)
        return is_write(request) and seen == number

    return wants


@contextmanager
def operator_that_dies(
    kubeconfig: Path, log: Path, namespace: str, number: int
) -> Iterator[tuple[OperatorProcess, Callable[[], None]]]:
    """With what kills it at once. A lease of its own: nobody waits for that of a dead one here."""
    process = OperatorProcess(kubeconfig, log, "--namespace", namespace, "--lease-name", f"lease-{number}")
    try:
        yield process, lambda: os.kill(process.pid, signal.SIGKILL)
    finally:
        process.kill()


def test_changes_during_cut_and_expired_watches_are_noticed(
    account: Path, proxy: FaultProxy, kubectl: Kubectl, tmp_path: Path
) -> None:
    kubectl.apply(small_gateway())
    kubeconfig = proxy.kubeconfig(account, tmp_path / "kubeconfig")
    with running_operator(kubeconfig, tmp_path / "log", [kubectl.namespace]):
        wait_until(lambda: kubectl.find("deployment", "demo-gateway"), 20, "the Deployment")
        proxy.cut_watches()
        kubectl.delete("service", "demo-gateway")
        wait_until(lambda: kubectl.find("service", "demo-gateway"), 20, "the Service after cut watches")
        proxy.fail(lambda request: request.verb == "watch", 503, times=20)
        proxy.expire_watches()
        kubectl.delete("configmap", "demo-gateway")
        wait_until(lambda: kubectl.find("configmap", "demo-gateway"), 30, "the ConfigMap after 410")
        kubectl.apply(small_gateway(scaling={"replicas": 4}))
        wait_until(lambda: replicas(kubectl) == 4, 30, "an edit after 410")


def test_an_operator_outlives_a_restart_of_the_api_server(own_control_plane: ControlPlane, tmp_path: Path) -> None:
    kubectl = Kubectl(own_control_plane.kubeconfig)
    install_crds(own_control_plane.kubeconfig)
    patient = ("--lease-duration", "60", "--renew-deadline", "40", "--retry-period", "1")
    with running_operator(own_control_plane.kubeconfig, tmp_path / "log", ["default"], *patient) as operator:
        kubectl.apply(small_gateway())
        wait_until(lambda: kubectl.find("deployment", "demo-gateway"), 20, "the Deployment")
        own_control_plane.restart_apiserver()
        kubectl.apply(small_gateway(scaling={"replicas": 4}))
        wait_until(lambda: replicas(kubectl) == 4, 40, "an edit after the restart")
        assert operator.leads()


def test_two_operators_share_one_lease(
    control_plane: SharedControlPlane, account: Path, proxy: FaultProxy, kubectl: Kubectl, tmp_path: Path
) -> None:
    namespace = kubectl.namespace
    kubeconfig = proxy.kubeconfig(account, tmp_path / "kubeconfig")
    with running_operator(control_plane.kubeconfig, tmp_path / "first.log", [namespace]) as first:
        second = OperatorProcess(kubeconfig, tmp_path / "second.log", "--namespace", namespace)
        try:
            second.wait_until_ready(lambda: second.status("/readyz") == 200, 30)
            kubectl.apply(small_gateway())
            wait_until(lambda: kubectl.find("deployment", "demo-gateway"), 20, "the Deployment")
            assert not second.leads()
            assert not [each for each in proxy.requests if is_write(each)], "a stand-by writes nothing"
            first.pause()
            wait_until(second.leads, 20, "the second to lead")
            first.resume()
            wait_until(lambda: not first.is_running(), 20, "the first to leave: it lost its lease")
            kubectl.apply(small_gateway(scaling={"replicas": 4}))
            wait_until(lambda: replicas(kubectl) == 4, 20, "an edit under the second")
        finally:
            second.stop()


def test_a_terminated_operator_gives_the_lease_back_at_once(
    control_plane: SharedControlPlane, account: Path, kubectl: Kubectl, tmp_path: Path
) -> None:
    with running_operator(control_plane.kubeconfig, tmp_path / "log", [kubectl.namespace]):
        assert kubectl.get("lease", "llmgateway-operator")["spec"]["holderIdentity"]
    assert kubectl.get("lease", "llmgateway-operator")["spec"]["holderIdentity"] == ""
