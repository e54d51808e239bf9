"""One to three nodes made of Linux namespaces, with a control plane on the first: up, down, status, load, exec."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from support.cluster import cgroups, images, network, node, packages
from support.cluster.configuration import PKI
from support.cluster.layout import (
    API_ADDRESS,
    API_PORT,
    FIRST_SERVICE_ADDRESS,
    LOADED,
    NODES,
    RUN,
    Node,
)
from support.kubectl import Kubectl, KubectlError, wait_until
from support.kubernetes_binaries import binary
from support.kubernetes_identities import Identities
from support.kubernetes_pki import write_control_plane_pki
from support.server_process import ServerStartError

KUBECONFIG = RUN / "kubeconfigs" / "admin.kubeconfig"
PROGRAMS = (
    *("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl"),
    *("etcd", "containerd", "containerd-shim-runc-v2", "ctr", "coredns"),
)
COREDNS = Path(__file__).parent / "coredns.yaml"
READY_TIMEOUT = 120.0  # seconds; about twelve are usual


def up(count: int) -> Path:
    """The administrator's kubeconfig of a cluster of `count` nodes whose nodes and DNS are ready.

    A cluster that runs keeps its nodes. Raises MissingProgramsError, BuildFailed, ServerStartError."""
    if not is_up():
        _start(NODES[:count])
    _wait_until_ready(_running())
    return KUBECONFIG


def down(*, keep_logs: bool = False) -> None:
    """Leaves no process, mount, interface, route or cgroup, and no folder but logs that are asked for."""
    for each in NODES:
        node.stop(each)
    network.remove()
    cgroups.remove()
    if not keep_logs:
        shutil.rmtree(RUN, ignore_errors=True)


def load(archive: Path) -> None:
    for each in _running():
        node.load(each, archive)


def execute(number: int, *command: str) -> int:
    return node.execute(NODES[number], *command)


def is_up() -> bool:
    return bool(_running())


def _start(nodes: list[Node]) -> None:
    packages.require_root()
    packages.require(packages.FOR_NODES)
    for program in PROGRAMS:
        binary(program)
    images.build_missing()
    down()  # what a killed run may have left
    write_control_plane_pki(PKI, [API_ADDRESS, FIRST_SERVICE_ADDRESS])
    Identities(PKI, KUBECONFIG.parent, f"https://{API_ADDRESS}:{API_PORT}").administrator()
    network.create()
    for each in nodes:
        node.start(each)


def _running() -> list[Node]:
    return [each for each in NODES if node.pid_of(each) is not None]


def _wait_until_ready(nodes: list[Node]) -> None:
    kubectl = Kubectl(KUBECONFIG, "kube-system")
    try:
        _wait(nodes, "the API server", lambda: _succeeds(kubectl, "get", "--raw=/readyz"))
        kubectl.apply(COREDNS)
        names = [f"node/{each.name}" for each in nodes]
        ready = ("wait", "--for=condition=Ready", "--timeout=1s", *names)
        _wait(nodes, "Ready nodes", lambda: _succeeds(kubectl, *ready))
        rolled_out = ("rollout", "status", "deployment/coredns", "--namespace=kube-system", "--timeout=1s")
        _wait(nodes, "DNS", lambda: _succeeds(kubectl, *rolled_out))
        _wait(nodes, "images on every node", lambda: all((each.folder / LOADED).exists() for each in nodes))
    except (TimeoutError, KubectlError) as missed:
        logs = "\n".join(node.log_tail(each) for each in nodes)
        raise ServerStartError(f"{missed}\n{logs}\n(all logs: {RUN}/node-*/logs; `down` removes what runs)") from None


def _wait(nodes: list[Node], what: str, is_there: Callable[[], bool]) -> None:
    """Gives up at once when a node is gone: its first process ends with any of its daemons."""

    def is_there_or_lost() -> bool:
        if lost := [each.name for each in nodes if node.pid_of(each) is None]:
            raise TimeoutError(f"{', '.join(lost)} ended before {what} was there")
        return is_there()

    wait_until(is_there_or_lost, READY_TIMEOUT, what)


def _succeeds(kubectl: Kubectl, *command: str) -> bool:
    try:
        kubectl.run(*command)
    except KubectlError:
        return False
    return True
