"""The configuration files of a node's daemons: containerd, its network plugins, kubelet, kube-proxy."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import yaml

from support.cluster import cgroups
from support.cluster.layout import DNS_ADDRESS, POD_NETWORK, RUN, Node

PKI = RUN / "pki"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"
PAUSE_IMAGE = "llmgateway.test/pause:1"
CNI_PLUGINS = "/usr/lib/cni"


def write(node: Node, kube_proxy_kubeconfig: Path) -> None:
    """Everything that the node's daemons read from `node.folder`."""
    for name in ("cni", "containerd", "kubelet", "logs", "pod-logs", "hosts/_default"):
        (node.folder / name).mkdir(parents=True, exist_ok=True)
    _write_yaml(node.folder / "kubelet.yaml", _kubelet(node))
    _write_yaml(node.folder / "kube-proxy.yaml", _kube_proxy(node, kube_proxy_kubeconfig))
    (node.folder / "cni" / "10-bridge.conflist").write_text(json.dumps(_network_plugins(node)))
    (node.folder / "containerd.toml").write_text(_containerd(node))
    # A registry that refuses: a missing image is an error within seconds instead of a long wait.
    (node.folder / "hosts" / "_default" / "hosts.toml").write_text('server = "http://127.0.0.1:1"\n')
    (node.folder / "resolv.conf").write_text("# the nodes have no resolver of their own\n")


def _network_plugins(node: Node) -> dict[str, Any]:
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "isDefaultGateway": True,
        "hairpinMode": True,  # a pod reaches itself through its Service
        "ipam": {"type": "host-local", "ranges": [[{"subnet": node.pods}]]},
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "pods", "plugins": [bridge, ports]}


def _containerd(node: Node) -> str:
    return f"""\
version = 3
root = "{node.folder}/containerd"
state = "/run/containerd/state"
[grpc]
  address = "{CONTAINERD_SOCKET}"
[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{PAUSE_IMAGE}"
[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = "{node.folder}/hosts"
[plugins.'io.containerd.cri.v1.runtime']
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
  # Without CAP_SYS_RESOURCE the score may not be lowered, and a runtime that tries it starts no pod.
  restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["{CNI_PLUGINS}"]
  conf_dir = "{node.folder}/cni"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = "{shutil.which("runc", path="/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin")}"
  SystemdCgroup = false
"""


def _kubelet(node: Node) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": cgroups.kubelet_root(node),
        "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{PKI}/ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": f"{PKI}/{node.name}.crt",
        "tlsPrivateKeyFile": f"{PKI}/{node.name}.key",
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": "cluster.local",
        "resolvConf": f"{node.folder}/resolv.conf",
        "failSwapOn": False,
        "imageGCHighThresholdPercent": 100,  # an imported image that is collected cannot be pulled again
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "syncFrequency": "10s",  # changed Secrets reach their volumes sooner
        "serializeImagePulls": False,
    }


def _kube_proxy(node: Node, kubeconfig: Path) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clusterCIDR": POD_NETWORK,
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        # Zero leaves the machine's own connection tracking limits alone.
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
        "hostnameOverride": node.name,
    }


def _write_yaml(path: Path, document: dict[str, Any]) -> None:
    path.write_text(yaml.safe_dump(document, sort_keys=False))
