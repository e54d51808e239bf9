"""Which core runs what, and how much CPU time and memory a process tree has used."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path

import psutil

SPARE_FILES = 100
"""File descriptors that a server needs beside its streams."""


class Cores:
    """The contender's core and everybody else's; the same one where there is only one."""

    def __init__(self) -> None:
        usable = sorted(os.sched_getaffinity(0))
        self.contender = usable[0]
        self.others = usable[1] if len(usable) > 1 else usable[0]

    def keep_off(self) -> None:
        """This process, and what it starts from now on, leaves the contender's core alone."""
        os.sched_setaffinity(0, {self.others})

    def pinned(self, command: list[str | Path]) -> list[str | Path]:
        """The command on the contender's core, with everything that it starts."""
        return ["taskset", "--cpu-list", str(self.contender), *command]


def cpu_seconds(pid: int) -> float:
    """User and system time of the process and all its descendants, ended ones included."""
    total = 0.0
    for process in _tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system
            if process.pid == pid:
                total += times.children_user + times.children_system
    return total


def resident_mib(pid: int) -> float:
    """Resident memory of the process tree, MiB."""
    total = 0
    for process in _tree(pid):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += process.memory_info().rss
    return total / 2**20


def open_file_limit(wanted: int) -> int:
    """File descriptors that a started process may have, after raising the limits towards `wanted`: the soft one as far
    as it goes, the hard one where this process may."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, hard), max(wanted, hard)))
        return max(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _tree(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]
