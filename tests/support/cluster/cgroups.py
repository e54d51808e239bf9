"""The cgroups under which a node's kubelet makes those of its pods (version 1: one hierarchy per controller)."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

from support.cluster.layout import Node

PARENT = "llmgateway-test"


class CgroupsError(RuntimeError):
    """This machine has no cgroup hierarchies that the nodes could use, or does not let go of them."""


def kubelet_root(node: Node) -> str:
    """The setting `cgroupRoot` of the node's kubelet."""
    return f"/{PARENT}/{node.name}"


def create(node: Node) -> None:
    """Raises CgroupsError on a machine with version 2 alone: there the nodes were never tried."""
    hierarchies = _mounted("cgroup")
    if not hierarchies:
        raise CgroupsError("this machine has cgroup version 2 only: install Docker and kind there")
    for hierarchy in hierarchies:
        for folder in (hierarchy / PARENT, hierarchy / PARENT / node.name):
            folder.mkdir(exist_ok=True)
            _fill_cpuset(folder)


def remove(timeout: float = 10) -> None:
    """Removes what `create` and the pods left, once their processes are gone (seconds)."""
    deadline = time.monotonic() + timeout
    while left := [each / PARENT for each in _mounted("cgroup", "cgroup2") if (each / PARENT).exists()]:
        for parent in left:
            for folder, _, _ in os.walk(parent, topdown=False):
                with contextlib.suppress(OSError):  # busy: a process in it is still ending
                    Path(folder).rmdir()
        if time.monotonic() > deadline:
            raise CgroupsError(f"still in use: {', '.join(map(str, left))}")
        time.sleep(0.05)


def _fill_cpuset(folder: Path) -> None:
    """A new cpuset is empty, and nothing runs in an empty one."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        if (folder / name).exists():
            (folder / name).write_text((folder.parent / name).read_text())


def _mounted(*kinds: str) -> list[Path]:
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [Path(mount[1]) for mount in mounts if mount[2] in kinds]
