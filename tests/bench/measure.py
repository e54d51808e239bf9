"""One contender under one workload after the other: starts it, loads it, and reads what it used."""

from __future__ import annotations

import http.client
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from typing import Any

from bench.contenders import FILES_PER_STREAM, MAX_STREAMS, Contender, Direct, Route
from bench.cores import SPARE_FILES, Cores, cpu_seconds, open_file_limit, resident_mib
from bench.go_programs import go_program
from bench.requests import Client, request
from bench.workloads import Pair, Workload
from support.free_port import free_port
from support.server_process import ServerProcess, ServerStartError, answers

TURNS = 3
WARM_UP_SECONDS = 1.0
START_PATIENCE = 120.0
SETTLE_SECONDS = 1.0
CALM, CALM_LOOK, CALM_PATIENCE = 0.11, 0.2, 10.0
"""Share of a core below which a program is at rest (the clock ticks a hundredth of a second), and the seconds for which
that is looked at and waited for."""


@dataclass
class Result:
    """What one run came to. Times in microseconds where the name says nothing else."""

    contender: str
    client: str
    upstream: str
    workload: str
    good: int
    failed: int
    first_failure: str
    tokens: int
    seconds: float
    cpu_seconds: float
    cpu_per_request: float | None
    cpu_per_token: float | None
    load: float
    """CPU time by wall time: 1 is a whole core."""
    rate_kept: float | None
    latency: dict[str, float]
    first_token: dict[str, float]
    transit: dict[str, float]
    jitter: dict[str, float]
    resident_mib: float

    @property
    def cost(self) -> float:
        """CPU a token where there are tokens, else a request; where nobody stands between, the time of a request."""
        return self.cpu_per_token or self.cpu_per_request or self.latency["p50"] or inf

    @property
    def disturbed(self) -> float:
        """The least of several turns is the one that other work disturbed least. Of paced streams it is the one that
        kept up best: who gets too little of its core reads several tokens at once, which is cheap."""
        return self.cost if self.rate_kept is None else -self.rate_kept

    def document(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Running:
    """A contender that answers."""

    contender: Contender
    port: int
    pid: int | None
    start_seconds: float = 0.0
    start_cpu: float = 0.0
    idle_mib: float = 0.0


class Bench:
    """The model server on its core, and a folder for everybody's files."""

    def __init__(self, folder: Path, cores: Cores) -> None:
        self.folder = folder
        self.open_files = open_file_limit(FILES_PER_STREAM * MAX_STREAMS + SPARE_FILES)
        self.cores = cores
        self._load = go_program("load")
        self._standing: list[int] = []
        self.upstream = free_port()
        command: list[str | Path] = [go_program("upstream"), "-listen", f"127.0.0.1:{self.upstream}"]
        self._server = ServerProcess(command, folder / "upstream.log")
        self._server.wait_until_ready(lambda: answers(f"http://127.0.0.1:{self.upstream}/v1/models"), 10)

    def stop(self) -> None:
        self._server.stop()

    @contextmanager
    def running(self, contender: Contender) -> Iterator[Running]:
        """Starts it and waits for its first good answer. Raises ServerStartError, MissingToolError."""
        if isinstance(contender, Direct):
            yield Running(contender, self.upstream, None)
            return
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        port = free_port()
        launch = contender.launch(folder, port, self.upstream)
        command = self.cores.pinned(["env", *[f"{key}={value}" for key, value in launch.environment.items()]])
        self._until_all_is_calm()  # or its start-up is measured beside another's
        began = time.perf_counter()
        server = ServerProcess([*command, *launch.command], folder / "output.log")
        try:
            if launch.chosen_port is not None:
                wait_until(server, launch.chosen_port.exists, START_PATIENCE)
                port = int(launch.chosen_port.read_text())
            wait_until(server, lambda: self._is_good(contender, port), START_PATIENCE)
            started = Running(contender, port, server.pid, time.perf_counter() - began, cpu_seconds(server.pid))
            time.sleep(SETTLE_SECONDS)
            started.idle_mib = resident_mib(server.pid)
            self._standing.append(server.pid)
            yield started
        finally:
            self._standing = [each for each in self._standing if each != server.pid]
            server.stop(grace=3)

    def run(self, running: Running, pair: Pair, workload: Workload, *, warm_up: bool) -> Result:
        """One turn. The contender must know the pair."""
        route = running.contender.route(*pair)
        assert route is not None
        if warm_up:
            self.load(running, pair[0], route, workload, WARM_UP_SECONDS)
        before = cpu_seconds(running.pid) if running.pid else 0.0
        seen = self.load(running, pair[0], route, workload, workload.seconds)
        used = cpu_seconds(running.pid) - before if running.pid else 0.0
        resident = resident_mib(running.pid) if running.pid else 0.0
        return _result(running.contender.name, pair, workload, seen, used, resident)

    def cpu_share(self, running: Running, seconds: float) -> float:
        """What it uses of a core while nothing is asked of it."""
        assert running.pid is not None
        before = cpu_seconds(running.pid)
        time.sleep(seconds)
        return (cpu_seconds(running.pid) - before) / seconds

    def load(self, running: Running, client: Client, route: Route, workload: Workload, seconds: float) -> Any:
        """What the load generator reports."""
        self._until_all_is_calm()
        command = self.load_command(running.port, client, route, workload, f"-for={seconds}s")
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=seconds + 60)
        return json.loads(done.stdout)

    def _until_all_is_calm(self) -> None:
        """Some programs go on with a stream for seconds after its client left."""
        deadline = time.monotonic() + CALM_PATIENCE
        while time.monotonic() < deadline:
            before = [cpu_seconds(pid) for pid in self._standing]
            time.sleep(CALM_LOOK)
            used = [cpu_seconds(pid) - start for pid, start in zip(self._standing, before, strict=True)]
            if max(used, default=0.0) < CALM * CALM_LOOK:
                return

    def load_command(self, port: int, client: Client, route: Route, workload: Workload, *more: str) -> list[str]:
        """The load generator's command line; the body goes through a file."""
        body = self.folder / "body.json"
        body.write_bytes(workload.body(client, route.model))
        headers = [f"-header={line}" for line in route.headers]
        return [
            str(self._load), f"-address=127.0.0.1:{port}", f"-path={route.path}", f"-body={body}",
            f"-connections={workload.connections}", f"-tokens={workload.tokens}", *headers, *more,
        ]  # fmt: skip

    def _is_good(self, contender: Contender, port: int) -> bool:
        """The first POST with status 200, in any pair that the contender knows."""
        pairs: tuple[Pair, ...] = (("chat", "chat"), ("messages", "chat"))
        client, route = next((pair[0], found) for pair in pairs if (found := contender.route(*pair)) is not None)
        headers = dict(line.split(": ", 1) for line in route.headers) | {"content-type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("POST", route.path, request(client, route.model, "whole:1", stream=False), headers)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def wait_until(server: ServerProcess, ready: Any, patience: float) -> None:
    """As ServerProcess.wait_until_ready, at a step that a start of 60 ms can be told by."""
    deadline = time.monotonic() + patience
    while not ready():
        if not server.is_running() or time.monotonic() > deadline:
            raise ServerStartError(f"{server.name} did not come up:\n{server.log_tail()}")
        time.sleep(0.005)


def _result(name: str, pair: Pair, workload: Workload, seen: dict[str, Any], used: float, resident: float) -> Result:
    good, tokens, seconds = seen["good"], seen["tokens"], seen["seconds"]
    offered = workload.offered
    return Result(
        contender=name, client=pair[0], upstream=pair[1], workload=workload.name, good=good, failed=seen["failed"],
        first_failure=seen["first_failure"], tokens=tokens, seconds=seconds, cpu_seconds=used,
        cpu_per_request=used / good * 1e6 if good else None,
        cpu_per_token=used / tokens * 1e6 if tokens and workload.stream else None,
        load=used / seconds, rate_kept=tokens / seconds / offered if offered else None,
        latency=seen["latency"], first_token=seen["first_token"], transit=seen["transit"], jitter=seen["jitter"],
        resident_mib=resident,
    )  # fmt: skip
