"""One to three nodes made of Linux namespaces, with a control plane on the first: up, down, status, load, exec."""

from __future__ import annotations

import shutil
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
        wait_until(lambda: _succeeds(kubectl, "get", "--raw=/readyz"), READY_TIMEOUT, "the API server")
        kubectl.apply(COREDNS)
        wait_until(lambda: _are_ready(kubectl, nodes), READY_TIMEOUT, "Ready nodes")
        kubectl.run("rollout", "status", "deployment/coredns", "-n", "kube-system", "--timeout=90s")
        wait_until(lambda: _have_images(nodes), READY_TIMEOUT, "images on every node")
    except (TimeoutError, KubectlError) as missed:
        logs = "\n".join(node.log_tail(each) for each in nodes)
        raise ServerStartError(f"{missed}\n{logs}\n(all logs: {RUN}/node-*/logs; `down` removes what runs)") from None


def _are_ready(kubectl: Kubectl, nodes: list[Node]) -> bool:
    names = [f"node/{each.name}" for each in nodes]
    return _succeeds(kubectl, "wait", "--for=condition=Ready", "--timeout=1s", *names)


def _have_images(nodes: list[Node]) -> bool:
    return all((each.folder / LOADED).exists() for each in nodes)


def _succeeds(kubectl: Kubectl, *command: str) -> bool:
    try:
        kubectl.run(*command)
    except KubectlError:
        return False
    return True
