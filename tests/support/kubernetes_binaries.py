"""Kubernetes and friends, compiled from pinned Go modules (`go.mod` and `go.sum` under `go/`) and cached.

    python -m support.kubernetes_binaries kube-apiserver etcd ...    builds what is missing, prints the paths

The first build takes about 15 minutes on two cores; afterwards a binary is found by the hash of its `go.sum`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from support.cache_folder import cache_folder

MODULES = Path(__file__).parent / "go"
KUBERNETES = "1.35.4"
CONTAINERD = "2.2.9"
HELM = "3.22.0"


class BuildFailed(RuntimeError):
    """The compiler said no; the message holds the end of what it printed."""


@dataclass(frozen=True)
class Binary:
    """One program: the folder under `go/` that pins it, its main package, and how it is linked."""

    module: str
    package: str
    ldflags: str = ""
    tags: str = ""
    cgo: bool = False


def _kubernetes(name: str, *, cgo: bool = False) -> Binary:
    version = "k8s.io/component-base/version"
    minor = KUBERNETES.split(".")[1]
    # Without these the server calls itself v0.0.0-master and clients refuse the skew.
    flags = [
        f"-X {version}.gitVersion=v{KUBERNETES}",
        f"-X {version}.gitMajor=1",
        f"-X {version}.gitMinor={minor}",
        f"-X {version}.gitTreeState=clean",
        f"-X {version}.buildDate=2026-01-01T00:00:00Z",
        f"-X k8s.io/client-go/pkg/version.gitVersion=v{KUBERNETES}",
    ]
    return Binary("kubernetes", f"k8s.io/kubernetes/cmd/{name}", " ".join(flags), cgo=cgo)


def _containerd(name: str) -> Binary:
    module = "github.com/containerd/containerd/v2"
    flags = f"-X {module}/version.Version=v{CONTAINERD}"
    return Binary("containerd", f"{module}/cmd/{name}", flags, tags="no_btrfs no_zfs no_devmapper no_aufs")


BINARIES: dict[str, Binary] = {
    "kube-apiserver": _kubernetes("kube-apiserver"),
    "kube-controller-manager": _kubernetes("kube-controller-manager"),
    "etcd": Binary("etcd", "go.etcd.io/etcd/server/v3"),
    "kubectl": _kubernetes("kubectl"),
    "helm": Binary("helm", "helm.sh/helm/v3/cmd/helm", f"-X helm.sh/helm/v3/internal/version.version=v{HELM}"),
    "kube-scheduler": _kubernetes("kube-scheduler"),
    "kube-proxy": _kubernetes("kube-proxy"),
    "kubelet": _kubernetes("kubelet", cgo=True),
    "containerd": _containerd("containerd"),
    "containerd-shim-runc-v2": _containerd("containerd-shim-runc-v2"),
    "ctr": _containerd("ctr"),
    "coredns": Binary("coredns", "."),
}


def binary(name: str) -> Path:
    """The path of the program, built first if it is not cached. Raises BuildFailed."""
    wanted = BINARIES[name]
    folder = cache_folder("bin", f"{wanted.module}-{_pin_of(wanted.module)}")
    path = folder / name
    if path.exists():
        return path
    with (folder / ".lock").open("w") as lock:  # two test runs must not build the same program twice
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            _build(wanted, path)
    return path


def _pin_of(module: str) -> str:
    pinned = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        pinned.update((MODULES / module / name).read_bytes())
    return pinned.hexdigest()[:12]


def _build(wanted: Binary, path: Path) -> None:
    if shutil.which("go") is None:
        raise BuildFailed(f"{path.name} is compiled from source: install Go 1.26 or newer (the `golang` package)")
    print(f"building {path.name} (once; minutes on a cold cache)", file=sys.stderr, flush=True)
    started = time.monotonic()
    partial = path.with_suffix(".partial")
    command = ["go", "build", "-mod=readonly", "-trimpath", "-ldflags", f"-s -w {wanted.ldflags}"]
    command += ["-tags", wanted.tags, "-o", str(partial), wanted.package]
    environment = {**os.environ, "CGO_ENABLED": "1" if wanted.cgo else "0", "GOFLAGS": ""}
    done = subprocess.run(
        command, cwd=MODULES / wanted.module, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildFailed(f"{path.name}: {done.stderr[-2000:]}")
    partial.rename(path)
    print(f"built {path.name} in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    for each in sys.argv[1:] or list(BINARIES):
        print(binary(each))
