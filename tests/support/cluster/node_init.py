"""Process 1 of a node, inside its namespaces: sets up mounts and network, starts the daemons, reaps what they leave.

unshare ... python -m support.cluster.node_init NUMBER
"""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

from support import kubernetes_servers
from support.cluster import configuration
from support.cluster.command import run, succeeds
from support.cluster.layout import API_ADDRESS, API_PORT, HOST_ADDRESS, IMAGES, LOADED, NODES, RUN, Node
from support.kubernetes_binaries import binary
from support.kubernetes_identities import Identities
from support.kubernetes_pki import KeyPair, issue
from support.server_process import ServerProcess, answers

SERVER = f"https://{API_ADDRESS}:{API_PORT}"
START_TIMEOUT = 120.0  # seconds
SYSTEM_IMAGES = [IMAGES / "pause.tar", IMAGES / "coredns.tar"]  # no pod starts without them
# The kubelet sets these for the whole machine unless it finds them so: it gets files to look at instead.
KERNEL_SETTINGS = {
    "vm/overcommit_memory": "1",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}


def main(node: Node) -> None:
    socket.sethostname(node.name)
    _mount(node)
    _configure_network(node)
    identities = Identities(configuration.PKI, RUN / "kubeconfigs", SERVER)
    configuration.write(node, identities.user("system:kube-proxy"))
    os.environ["PATH"] = f"{binary('containerd').parent}:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    daemons = [_start_containerd(node)]
    if node.is_control_plane:
        daemons += _start_control_plane(node, identities)
    _import_images(SYSTEM_IMAGES)
    daemons += [_start_kubelet(node, identities), _start_kube_proxy(node)]
    _import_images(sorted({*IMAGES.glob("*.tar")} - {*SYSTEM_IMAGES}))
    (node.folder / LOADED).touch()
    _reap({daemon.pid: daemon.name for daemon in daemons})


def _mount(node: Node) -> None:
    """Empty folders over those that daemons write to, so that the machine's own stay as they are."""
    run("mount", "--make-rshared", "/")
    for folder in ("/run", "/var/lib", "/var/log"):
        run("mount", "-t", "tmpfs", node.name, folder)
    for source, target in (("kubelet", "/var/lib/kubelet"), ("pod-logs", "/var/log/pods")):
        (node.folder / source).mkdir(exist_ok=True)
        Path(target).mkdir(parents=True)
        run("mount", "--bind", node.folder / source, target)
    for name in ("/run/containerd", "/run/netns", "/var/log/containers"):
        Path(name).mkdir(parents=True)
    for setting, value in KERNEL_SETTINGS.items():
        look_alike = Path("/run") / setting.replace("/", "-")
        look_alike.write_text(value + "\n")
        run("mount", "--bind", look_alike, f"/proc/sys/{setting}")


def _configure_network(node: Node) -> None:
    run("ip", "link", "set", "lo", "up")
    while not succeeds("ip", "link", "show", "eth0"):  # given from outside, by network.connect
        time.sleep(0.02)
    run("ip", "address", "add", f"{node.address}/24", "dev", "eth0")
    run("ip", "link", "set", "eth0", "up")
    run("ip", "route", "add", "default", "via", HOST_ADDRESS)
    for other in NODES:
        if other != node:
            run("ip", "route", "add", other.pods, "via", other.address)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    Path("/proc/sys/net/bridge/bridge-nf-call-iptables").write_text("1")
    run("ip", "link", "add", "cni0", "address", node.hardware_address(1), "type", "bridge")


def _start(node: Node, command: list[str | Path]) -> ServerProcess:
    program = binary(str(command[0]))
    return ServerProcess([program, *command[1:]], node.logs / f"{program.name}.log")


def _start_containerd(node: Node) -> ServerProcess:
    containerd = _start(node, ["containerd", "--config", node.folder / "containerd.toml"])
    answering = Path(configuration.CONTAINERD_SOCKET).exists
    containerd.wait_until_ready(answering, START_TIMEOUT)
    return containerd


def _start_control_plane(node: Node, identities: Identities) -> list[ServerProcess]:
    """The controller manager gives up on an API server that does not answer within ten seconds: it comes last."""
    pki, tls = configuration.PKI, identities.administrator_tls()
    etcd = _start(node, [*kubernetes_servers.etcd(RUN / "etcd", 2379, 2380)])
    apiserver = _start(node, [*kubernetes_servers.kube_apiserver(pki, API_ADDRESS, API_PORT, 2379)])
    apiserver.wait_until_ready(lambda: answers(f"{SERVER}/readyz", tls), START_TIMEOUT)
    manager = identities.user("system:kube-controller-manager")
    scheduler = identities.user("system:kube-scheduler")
    return [
        etcd,
        apiserver,
        _start(node, [*kubernetes_servers.kube_controller_manager(pki, manager)]),
        _start(node, [*kubernetes_servers.kube_scheduler(scheduler)]),
    ]


def _import_images(archives: list[Path]) -> None:
    ctr = (binary("ctr"), "--address", configuration.CONTAINERD_SOCKET, "--namespace", "k8s.io")
    for archive in archives:
        run(*ctr, "images", "import", archive)


def _start_kubelet(node: Node, identities: Identities) -> ServerProcess:
    user, groups = f"system:node:{node.name}", ["system:nodes"]
    authority = KeyPair.read(configuration.PKI, "ca")
    issue(authority, user, groups, [node.name, node.address]).write(configuration.PKI, node.name)
    kubeconfig = identities.user(user, groups)
    names = (f"--hostname-override={node.name}", f"--node-ip={node.address}")
    configured = (f"--config={node.folder}/kubelet.yaml", f"--kubeconfig={kubeconfig}")
    return _start(node, ["kubelet", *configured, *names])


def _start_kube_proxy(node: Node) -> ServerProcess:
    return _start(node, ["kube-proxy", f"--config={node.folder}/kube-proxy.yaml"])


def _reap(daemons: dict[int, str]) -> None:
    """Until a daemon ends; then this process does, and with it the node."""
    while (ended := os.wait())[0] not in daemons:
        pass
    print(f"{daemons[ended[0]]} ended with {os.waitstatus_to_exitcode(ended[1])}", flush=True)


if __name__ == "__main__":
    main(NODES[int(sys.argv[1])])
