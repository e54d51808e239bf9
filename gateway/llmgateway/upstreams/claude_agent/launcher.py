"""Starts a session's process so that it can't outlive the gateway, whatever kills the gateway.

The process leads its own group and session (setsid), so that one signal ends it with all its children. A tiny
launcher asks Linux for a SIGKILL on the parent's death (prctl PR_SET_PDEATHSIG, prctl(2)) and then becomes the program:
doing that in a `preexec_fn` would fork the whole gateway, threads and all. Elsewhere the end of the process's standard
input does it: the program leaves when its input closes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

LAUNCHER = """
import os, sys
if sys.platform == "linux":
    import ctypes
    ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)
if os.getppid() != int(sys.argv[1]):
    os._exit(0)
os.execv(sys.argv[2], sys.argv[2:])
"""
"""prctl 1 is PR_SET_PDEATHSIG, 9 is SIGKILL. A parent that died before the prctl is noticed by its changed id."""


async def start(
    program: Path, arguments: Sequence[str], environment: Mapping[str, str], folder: Path
) -> asyncio.subprocess.Process:
    """Raises OSError. Standard error is dropped: it may quote what a client said."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", "-c", LAUNCHER, str(os.getpid()), str(program), *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
        env=environment,
        start_new_session=True,
    )  # fmt: skip


def kill_group(leader: int) -> None:
    """SIGKILL for the process and everything that it started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def has_ended(process: asyncio.subprocess.Process) -> bool:
    """Asks the kernel: the event loop learns of a death only later. Reaps nothing."""
    if process.returncode is not None:
        return True
    try:
        return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True
