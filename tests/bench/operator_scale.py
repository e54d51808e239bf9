"""python -m bench.operator_scale [--gateways N] [--json FILE]: the operator with a thousand LLMGateways.

A real kube-apiserver, etcd and controller-manager share the machine with the operator and with this program. There is
no node, so nobody makes pods: the controllers that would (and their part of the processor) are off but with
`--workloads`. The operator is a service account, as in a pod; its calls are counted by the API server's audit log.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.cores import cpu_seconds, resident_mib
from bench.operator_calls import ACCOUNT, Call, CallLog, writes
from bench.operator_fleet import Fleet, fleet
from support.kubectl import Kubectl, wait_until
from support.kubernetes_control_plane import ControlPlane
from support.operator_process import OperatorProcess, install_crds

USUAL_LEASE = ("--lease-duration", "15", "--renew-deadline", "10", "--retry-period", "2")
USUAL_RATE = ("--kube-api-qps=20", "--kube-api-burst=30")
"""The controller manager's own defaults; the tests' control plane is in more of a hurry."""
WORKLOADS = ("deployment", "replicaset", "endpointslice", "endpoints", "disruption", "horizontal-pod-autoscaler")
NO_PODS = (*USUAL_RATE, "--controllers=*," + ",".join(f"-{name}-controller" for name in WORKLOADS))
RESYNC = 60.0
"""Seconds; usually 450. So the quiet minutes below hold a full resync, and its cost is seen."""
QUIET = 90.0
EDITS = 200
PLAIN = 500
SEED = 11


@dataclass
class Figures:
    """Seconds, MiB, counts."""

    gateways: int
    plain_config_map_ms: float = 0.0
    """A server-side apply by a plain client, many at a time, before the operator starts."""
    plain_service_ms: float = 0.0
    children: int = 0
    all_applied: float = 0.0
    calls_per_gateway: float = 0.0
    writes_per_gateway: float = 0.0
    calls: dict[str, int] = field(default_factory=dict)
    operator_cpu: float = 0.0
    quiet_calls: int = 0
    quiet_writes: int = 0
    quiet_cpu_share: float = 0.0
    resident_mib: float = 0.0
    peak_mib: float = 0.0
    edit_p50: float = 0.0
    edit_p95: float = 0.0
    edit_max: float = 0.0
    edits_lost: int = 0
    leads_after: float = 0.0
    marks_after: float = 0.0
    quiet_after: float = 0.0
    load_average: float = 0.0


class Measurement:
    """One run."""

    def __init__(self, control_plane: ControlPlane, calls: CallLog, folder: Path, ships: Fleet) -> None:
        self._control_plane, self._calls, self._folder, self._fleet = control_plane, calls, folder, ships
        self._kubeconfig = _service_account(control_plane)
        self.figures = Figures(ships.size)

    async def run(self) -> None:
        self._say("namespaces and Secrets")
        await self._fleet.prepare()
        await self._calibrate()
        leader = self._operator("leader", "--resync", str(RESYNC))
        leader.wait_until_ready(leader.leads, 60)
        async with asyncio.TaskGroup() as group:
            following = [
                group.create_task(each) for each in (self._fleet.follow_gateways(), self._fleet.follow_deployments())
            ]
            await asyncio.sleep(1)
            await self._apply_all(leader)
            await self._stay_quiet(leader)
            await self._edit_secrets()
            await self._fail_over(leader)
            for task in following:
                task.cancel()

    async def _calibrate(self) -> None:
        self._say("plain applies")
        data, spec = {"data": {"key": "value"}}, {"spec": {"ports": [{"port": 80}], "selector": {"app": "none"}}}
        found = self.figures
        found.plain_config_map_ms = 1000 * await self._fleet.plain_applies("ConfigMap", "v1", data, PLAIN)
        found.plain_service_ms = 1000 * await self._fleet.plain_applies("Service", "v1", spec, PLAIN)

    async def _apply_all(self, leader: OperatorProcess) -> None:
        self._say(f"{self._fleet.size} LLMGateways")
        self._calls.calls()
        began = time.monotonic()
        await self._fleet.create()
        self._say(f"created after {time.monotonic() - began:.1f} s")
        await self._fleet.until_settled(900)
        found = self.figures
        found.all_applied = max(self._fleet.settled.values()) - began
        found.load_average = os.getloadavg()[0]
        self._say(f"all applied after {found.all_applied:.1f} s; until quiet")
        await self._until_quiet()
        found.children = await self._fleet.children()
        counted = self._calls.calls()
        found.calls = _by_name(counted)
        found.calls_per_gateway = counted.total() / self._fleet.size
        found.writes_per_gateway = writes(counted) / self._fleet.size
        found.operator_cpu, found.peak_mib = cpu_seconds(leader.pid), _peak_mib(leader.pid)

    async def _stay_quiet(self, leader: OperatorProcess) -> None:
        self._say(f"{QUIET:.0f} quiet seconds")
        before = cpu_seconds(leader.pid)
        await asyncio.sleep(QUIET)
        counted = self._calls.calls()
        found = self.figures
        found.quiet_calls, found.quiet_writes = counted.total(), writes(counted)
        found.quiet_cpu_share = (cpu_seconds(leader.pid) - before) / QUIET
        found.resident_mib = resident_mib(leader.pid)
        if found.quiet_writes:
            self._say(f"written: {_by_name(counted)}")

    async def _edit_secrets(self) -> None:
        self._say(f"{EDITS} edits of Secrets")
        chosen, took = random.Random(SEED), []
        for edit in range(EDITS):
            try:
                took.append(await self._fleet.edit_secret(chosen.randrange(self._fleet.size), f"edit-{edit}", 30))
            except TimeoutError:
                self.figures.edits_lost += 1
        found, cuts = self.figures, statistics.quantiles(took, n=20)
        found.edit_p50, found.edit_p95, found.edit_max = statistics.median(took), cuts[-1], max(took)

    async def _fail_over(self, leader: OperatorProcess) -> None:
        self._say("fail-over")
        follower = self._operator("follower")
        await asyncio.sleep(5)
        leader.kill()
        killed = time.monotonic()
        marked = asyncio.create_task(self._fleet.edit_secret(random.Random(SEED).randrange(self._fleet.size), "x", 300))
        await asyncio.to_thread(wait_until, follower.leads, 60, "another leader")
        found = self.figures
        found.leads_after = time.monotonic() - killed
        await marked
        found.marks_after = time.monotonic() - killed
        await self._until_quiet()
        found.quiet_after = time.monotonic() - killed
        found.peak_mib = max(found.peak_mib, _peak_mib(follower.pid))
        follower.stop()

    async def _until_quiet(self) -> None:
        """Until five seconds have passed in which the operators did nothing but renew their lease."""
        while True:
            calls = self._calls.from_here()
            await asyncio.sleep(5)
            if calls.calls().total() < 10:
                return

    def _operator(self, name: str, *flags: str) -> OperatorProcess:
        log = self._folder / f"{name}.log"
        return OperatorProcess(self._kubeconfig, log, *USUAL_LEASE, *flags)

    def _say(self, what: str) -> None:
        print(what, file=sys.stderr, flush=True)


def _service_account(control_plane: ControlPlane) -> Path:
    """May do everything: what it does is measured, not what it may."""
    kubectl = Kubectl(control_plane.kubeconfig, "default")
    kubectl.run("create", "serviceaccount", ACCOUNT, "-n", "default")
    role = ("create", "clusterrolebinding", ACCOUNT, "--clusterrole=cluster-admin")
    kubectl.run(*role, f"--serviceaccount=default:{ACCOUNT}")
    return control_plane.identities.service_account("default", ACCOUNT)


def _by_name(calls: Counter[Call]) -> dict[str, int]:
    return {f"{call.verb} {call.resource}": count for call, count in calls.most_common()}


def _peak_mib(pid: int) -> float:
    """The most there was resident."""
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024


BARS = {
    "all_applied": 60.0, "quiet_writes": 0.0, "resident_mib": 150.0, "edit_p95": 2.0, "leads_after": 20.0,
    "marks_after": 20.0, "edits_lost": 0.0,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gateways", type=int, default=1000)
    parser.add_argument("--workloads", action="store_true", help="let the controllers make pods")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        figures = asyncio.run(_measured(Path(scratch), chosen.gateways, USUAL_RATE if chosen.workloads else NO_PODS))
    if chosen.json:
        chosen.json.write_text(json.dumps(asdict(figures), indent=1))
    for name, value in asdict(figures).items():
        bar = BARS.get(name)
        said = "" if bar is None else f"   bar {bar:g}: {'met' if value <= bar else 'NOT met'}"
        print(f"{name:20} {value if not isinstance(value, float) else round(value, 3)}{said}")


async def _measured(folder: Path, size: int, controllers: Sequence[str]) -> Figures:
    calls = CallLog(folder)
    with contextlib.ExitStack() as stack:
        control_plane = stack.enter_context(ControlPlane(folder / "control-plane", calls.apiserver_flags, controllers))
        install_crds(control_plane.kubeconfig)
        identities = control_plane.identities
        async with fleet(identities.server, identities.administrator_tls(), size) as ships:
            measurement = Measurement(control_plane, calls, folder, ships)
            await measurement.run()
            return measurement.figures


if __name__ == "__main__":
    main()
