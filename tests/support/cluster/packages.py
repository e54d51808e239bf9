"""The programs of the distribution that a cluster needs, installed where that is possible."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from support.cluster.command import run

# Program (or file) -> the Debian package that has it.
FOR_NODES = {
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "iptables": "iptables",
    "nft": "nftables",
    "conntrack": "conntrack",
    "ipset": "ipset",
    "socat": "socat",  # kubectl port-forward
    "ip": "iproute2",
    "unshare": "util-linux",
    "mount": "mount",
    "gcc": "gcc",  # the kubelet is the one program built with cgo
}
FOR_IMAGES = {"debootstrap": "debootstrap"}


class MissingProgramsError(RuntimeError):
    """The message says what to install."""


def require(programs: dict[str, str]) -> None:
    """Installs by apt-get what is missing if it may. Raises MissingProgramsError."""
    packages = _missing(programs)
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        run("apt-get", "update", "-qq")
        run("apt-get", "install", "-y", "--no-install-recommends", *packages)
        packages = _missing(programs)
    if packages:
        raise MissingProgramsError(f"please install {', '.join(packages)} (names of Debian packages)")


def require_root() -> None:
    if os.geteuid() != 0:
        raise MissingProgramsError(
            "nodes made of namespaces need root: run as root, or install Docker and kind, "
            "or set KUBECONFIG to a cluster of yours"
        )


def _missing(programs: dict[str, str]) -> list[str]:
    search = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"
    return sorted(
        package
        for program, package in programs.items()
        if not (Path(program).exists() if "/" in program else shutil.which(program, path=search))
    )
