"""Resident memory while many streams are open and silent."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass

from bench.contenders import FILES_PER_STREAM
from bench.cores import SPARE_FILES, resident_mib
from bench.measure import Bench, Running
from bench.workloads import Pair, Workload

SETTLE_SECONDS = 3.0


@dataclass
class IdleStreams:
    """What was held, and what it took. `wanted` differs where the machine's limit of open files is in the way."""

    contender: str
    client: str
    upstream: str
    wanted: int
    held: int
    resident_mib: float
    idle_mib: float
    cpu_share: float

    @property
    def kib_per_stream(self) -> float:
        return (self.resident_mib - self.idle_mib) * 1024 / self.held if self.held else 0.0


def hold(bench: Bench, running: Running, pair: Pair, wanted: int) -> IdleStreams | None:
    """Opens the streams, waits until each has its first token, and looks. None where the pair is unknown."""
    route = running.contender.route(*pair)
    if route is None or running.pid is None:
        return None
    possible = (bench.open_files - SPARE_FILES) // FILES_PER_STREAM
    if possible < wanted:
        print(f"  this machine allows {possible} streams (limit of open files), not {wanted}", file=sys.stderr)
    streams = Workload("held", "slow", min(wanted, possible))
    command = bench.load_command(running.port, pair[0], route, streams, "-hold")
    load = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert load.stdout is not None
        held = int(load.stdout.readline().removeprefix("held "))
        time.sleep(SETTLE_SECONDS)
        busy = bench.cpu_share(running, SETTLE_SECONDS)
        resident = resident_mib(running.pid)
    finally:
        load.communicate("", timeout=60)
    name = running.contender.name
    return IdleStreams(name, *pair, wanted, held, resident, running.idle_mib, busy)
