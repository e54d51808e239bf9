"""Several serving processes behind one socket, for machines and pods with cores to spare.

The processes share nothing but the store: they are replicas of each other in every way. Their parent starts them,
passes signals on, and replaces one that dies.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from pathlib import Path
from types import FrameType

from llmgateway.server.configuration_file import Configuration, InvalidConfiguration
from llmgateway_api import ApiError

logger = logging.getLogger(__name__)

BACKLOG = 4096
PAUSE = 1.0
"""Seconds before a worker that died is replaced."""
CPU_MAX = Path("/sys/fs/cgroup/cpu.max")


def usable_cores() -> int:
    """Whole cores that this process may use, by its affinity and its container's limit (cgroup v2, cpu.max)."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = CPU_MAX.read_text().split()
        return max(1, min(cores, int(quota) // int(period)))
    except (OSError, ValueError):  # no container, or no limit ("max")
        return cores


def check_shareable(configuration: Configuration) -> None:
    """Raises InvalidConfiguration where several processes would not act as one."""
    spec, errors = configuration.gateway.spec, []
    if spec.store.local is None and spec.store.managed is None and spec.store.external is None:
        errors.append(ApiError("spec.store", "several workers need a store that they share: set local, or external"))
    if any(backend.type == "ClaudeAgent" for backend in spec.backends):
        message = "a ClaudeAgent backend's sessions are processes already: several workers would each have a pool"
        errors.append(ApiError("spec.backends", message))
    if errors:
        raise InvalidConfiguration(errors)


class Workers:
    """`run` serves in a forked process until it is told to end; it gets the worker's number."""

    def __init__(self, count: int, run: Callable[[int], int]) -> None:
        self._run = run
        self._processes: dict[int, ForkProcess] = {}
        self._count = count
        self._ending = False
        self._parent_is_gone, self._parent_lives = os.pipe()

    def supervise(self) -> int:
        """Returns when all workers have ended: 0 after a signal, else the exit code of one that never came up."""
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, self._pass_on)
        for number in range(self._count):
            self._start(number)
        while self._processes:
            wait([each.sentinel for each in self._processes.values()])
            for number, process in list(self._processes.items()):
                if not process.is_alive() and (code := self._ended(number, process)):
                    return code
        return 0

    def _ended(self, number: int, process: ForkProcess) -> int:
        """The exit code with which everything ends, 0 to go on."""
        del self._processes[number]
        if self._ending:
            return 0
        if process.exitcode is not None and process.exitcode > 0:  # it ended by itself: the next one would as well
            self._pass_on(signal.SIGTERM, None)
            for each in self._processes.values():
                each.join()
            return process.exitcode
        logger.error("worker %d ended by signal %s: it is replaced", number, -(process.exitcode or 0))
        time.sleep(PAUSE)
        self._start(number)
        return 0

    def _start(self, number: int) -> None:
        process = multiprocessing.get_context("fork").Process(target=self._work, args=(number,))
        process.start()
        self._processes[number] = process

    def _work(self, number: int) -> None:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL)
        os.close(self._parent_lives)
        threading.Thread(target=self._end_with_the_parent, daemon=True).start()
        raise SystemExit(self._run(number))

    def _end_with_the_parent(self) -> None:
        """The pipe's other end closes however the parent dies."""
        os.read(self._parent_is_gone, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        self._ending = True
        for process in self._processes.values():
            if process.pid is not None:
                os.kill(process.pid, number)


def listening_socket(host: str, port: int) -> socket.socket:
    """Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=BACKLOG)
