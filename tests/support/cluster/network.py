"""The network between the machine and its nodes: one bridge in a network namespace of its own.

In the machine's own namespace the bridge would pass through its packet filters. The machine reaches pods, Services
and the API server directly by routes; nodes and pods reach the machine, and nothing beyond it.
"""

from __future__ import annotations

from pathlib import Path

from support.cluster.command import run, succeeds
from support.cluster.layout import API_ADDRESS, HOST_ADDRESS, Node
from support.kubernetes_servers import SERVICE_NETWORK

SWITCH = "llmgw-switch"
HOST_LINK = "llmgw-host"


def create() -> None:
    if not Path("/proc/sys/net/bridge").exists():
        run("modprobe", "br_netfilter")  # Services are reached through the filters of the nodes' bridges
    run("ip", "netns", "add", SWITCH)
    for name in ("iptables", "ip6tables", "arptables"):
        setting = f"net.bridge.bridge-nf-call-{name}=0"
        run("ip", "netns", "exec", SWITCH, "sysctl", "-qw", setting)
    run(*_in_switch("link", "add", "bridge", "address", "02:6c:67:00:ff:00", "type", "bridge"))
    run(*_in_switch("link", "set", "bridge", "up"))
    address = "02:6c:67:00:ff:01"
    run(*_ip("link", "add", HOST_LINK, "address", address, "type", "veth", "peer", "host", "netns", SWITCH))
    run(*_in_switch("link", "set", "host", "master", "bridge", "up"))
    run(*_ip("address", "add", f"{HOST_ADDRESS}/24", "dev", HOST_LINK))
    run(*_ip("link", "set", HOST_LINK, "up"))
    run(*_ip("route", "replace", SERVICE_NETWORK, "via", API_ADDRESS))


def connect(node: Node, pid: int) -> None:
    """Gives the network namespace of `pid` its `eth0`."""
    peer = ("peer", "name", "eth0", "address", node.hardware_address(0), "netns", str(pid))
    run(*_in_switch("link", "add", node.name, "type", "veth", *peer))
    run(*_in_switch("link", "set", node.name, "master", "bridge", "up"))
    run(*_ip("route", "replace", node.pods, "via", node.address))


def remove() -> None:
    """Routes go with the link, the ends of the veth pairs with the namespace."""
    succeeds(*_ip("link", "delete", HOST_LINK))
    succeeds("ip", "netns", "delete", SWITCH)


def _ip(*words: str) -> list[str]:
    return ["ip", *words]


def _in_switch(*words: str) -> list[str]:
    return ["ip", "-n", SWITCH, *words]
