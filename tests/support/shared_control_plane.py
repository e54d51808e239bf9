"""One control plane for all processes of a test run: the first starts it, the last one out ends it.

A keeper process holds it. Each user holds a shared file lock while it lives, and the keeper waits for the
exclusive one. The kernel drops the locks of a killed process: no count can go wrong, nothing is left behind.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from support.kubernetes_control_plane import ControlPlane
from support.kubernetes_identities import Identities
from support.server_process import ServerStartError

TESTS = Path(__file__).parent.parent
READY = "ready"


@dataclass(frozen=True)
class SharedControlPlane:
    """What a user may do with it. Faults need a ControlPlane of one's own: others are using this one."""

    kubeconfig: Path
    identities: Identities


@contextmanager
def shared_control_plane(folder: Path) -> Iterator[SharedControlPlane]:
    """Joins the control plane of `folder`, or starts it. Raises ServerStartError."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "users.lock").open("w") as users:
        keeper = _join(folder, users)
        server = (folder / "server").read_text()
        kubeconfigs = folder / "kubeconfigs"
        yield SharedControlPlane(kubeconfigs / "admin.kubeconfig", Identities(folder / "pki", kubeconfigs, server))
    if keeper is not None:
        keeper.wait()  # it ends when the other users have left too


def _join(folder: Path, users: IO[str]) -> subprocess.Popen[bytes] | None:
    with (folder / "start.lock").open("w") as start:
        fcntl.flock(start, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)  # waits while a keeper is shutting down
        return None if (folder / "server").exists() else _start_keeper(folder)


def _start_keeper(folder: Path) -> subprocess.Popen[bytes]:
    keeper = subprocess.Popen(
        [sys.executable, "-m", __name__, str(folder)],
        cwd=TESTS,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,  # it ends by its own rule, not by Ctrl-C
    )
    assert keeper.stdout is not None
    with keeper.stdout as said:
        answer = said.read().decode()
    if answer != READY:
        raise ServerStartError(f"the control plane: {answer or 'its keeper ended'} (see {folder}/logs)")
    return keeper


def _keep(folder: Path) -> None:
    try:
        control_plane = ControlPlane(folder)
    except RuntimeError as refused:
        print(refused, flush=True)
        raise SystemExit(1) from None
    with control_plane, (folder / "users.lock").open("w") as users:
        (folder / "server").write_text(control_plane.identities.server)
        print(READY, end="", flush=True)
        os.close(sys.stdout.fileno())  # this is the end of what the first user reads
        fcntl.flock(users, fcntl.LOCK_EX)
        (folder / "server").unlink()


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
