"""A node from outside: made of one process in namespaces of its own, ended by killing that process.

The process is pid 1 in there (`node_init`). When it dies the kernel kills every daemon and container with it and
drops their mounts, interfaces and packet filters.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from support.cluster import cgroups, network
from support.cluster.command import run
from support.cluster.configuration import CONTAINERD_SOCKET
from support.cluster.layout import Node
from support.kubernetes_binaries import binary
from support.server_process import ServerStartError

TESTS = Path(__file__).parents[2]
NAMESPACES = ("--mount", "--net", "--pid", "--uts", "--ipc")
INIT = "support.cluster.node_init"


def start(node: Node) -> None:
    """Starts its pid 1 and connects it to the network; what it starts in turn becomes ready later."""
    cgroups.create(node)
    node.logs.mkdir(parents=True, exist_ok=True)
    command = ["unshare", *NAMESPACES, "--fork", "--mount-proc", "--propagation=private", "--kill-child"]
    with (node.logs / "init.log").open("wb") as log:
        outside = subprocess.Popen(
            [*command, sys.executable, "-m", INIT, str(node.number)],
            cwd=TESTS,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    pid = _only_child(outside, node)
    (node.folder / "pid").write_text(str(pid))
    network.connect(node, pid)


def pid_of(node: Node) -> int | None:
    """The pid 1 of a node that runs, as this machine numbers it."""
    try:
        pid = int((node.folder / "pid").read_text())
        return pid if INIT.encode() in Path(f"/proc/{pid}/cmdline").read_bytes() else None
    except (OSError, ValueError):
        return None


def stop(node: Node) -> None:
    """Kills it and waits until all of it is gone."""
    if (pid := pid_of(node)) is not None:
        os.kill(pid, signal.SIGKILL)
        while pid_of(node) is not None:  # it is the last of its namespace to go
            time.sleep(0.02)


def execute(node: Node, *command: str) -> int:
    """Runs a command in the node with this terminal; its exit status."""
    return subprocess.run(_enter(node, *command), check=False).returncode


def load(node: Node, archive: Path) -> None:
    """Imports an OCI or Docker image archive."""
    ctr = (str(binary("ctr")), "--address", CONTAINERD_SOCKET, "--namespace", "k8s.io")
    run(*_enter(node, *ctr, "images", "import", str(archive.resolve())))


def log_tail(node: Node, lines: int = 4) -> str:
    """The ends of the logs of its first process and of all its daemons."""
    return "\n".join(_end_of(log, lines) for log in sorted(node.logs.glob("*.log")))


def _end_of(log: Path, lines: int) -> str:
    last = log.read_text(errors="replace").splitlines()[-lines:]
    return "\n".join([f"--- {log.parent.parent.name} {log.name}", *(line[:300] for line in last)])


def _enter(node: Node, *command: str) -> list[str]:
    pid = pid_of(node)
    if pid is None:
        raise ServerStartError(f"{node.name} does not run: python -m support.cluster up")
    path = f"{binary('ctr').parent}:{binary('kubectl').parent}:{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return ["nsenter", "--target", str(pid), *NAMESPACES, "env", f"PATH={path}", *command]


def _only_child(outside: subprocess.Popen[bytes], node: Node) -> int:
    children = Path(f"/proc/{outside.pid}/task/{outside.pid}/children")
    while outside.poll() is None:
        if pids := children.read_text().split():
            return int(pids[0])
        time.sleep(0.02)
    raise ServerStartError(f"{node.name} did not start:\n{log_tail(node)}")
