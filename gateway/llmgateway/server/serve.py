"""`llmgateway serve`: uvicorn on uvloop and httptools, in one process or several, drained on SIGTERM."""

from __future__ import annotations

import importlib
import os
import socket
import tempfile
from pathlib import Path

import uvicorn

from llmgateway.server.application import Application
from llmgateway.server.configuration_file import read_configuration
from llmgateway.server.draining import DrainingServer
from llmgateway.server.joined_writes import JoinedWrites
from llmgateway.server.runtime import Runtime
from llmgateway.server.worker_metrics import WorkerMetrics
from llmgateway.server.workers import BACKLOG, Workers, check_shareable, listening_socket, usable_cores
from llmgateway.telemetry.log_lines import configure_logging

CLIENT_KEEP_ALIVE = 120
"""Seconds that an idle client connection stays open: longer than the usual 60 s of load balancers in front."""


IN_A_POD = "KUBERNETES_SERVICE_HOST"
"""Set by the kubelet in every container: there the operator's CronJob refreshes credentials, not the gateway."""


def serve(file: Path | None, host: str, port: int, secrets_folder: Path | None, workers: str = "1") -> int:
    """Serves until a signal ends it; the exit code. `workers`: a number, or "auto".

    Raises InvalidConfiguration, ValueError and OSError before anything listens."""
    configuration = read_configuration(file)
    configure_logging(os.environ.get("LLMGATEWAY_LOG_LEVEL", "INFO").upper())
    count = usable_cores() if workers == "auto" else int(workers)
    drain = int(configuration.gateway.spec.availability.drain)
    process = f"{socket.gethostname()}:{port}"
    stand_alone = IN_A_POD not in os.environ
    if count <= 1:
        runtime = Runtime(file, secrets_folder, process=process, stand_alone=stand_alone)
        return _serve(runtime, drain, host, port, None)
    check_shareable(configuration)
    importlib.import_module("llmgateway.server.cold_routes")  # once, in memory that the workers share
    with tempfile.TemporaryDirectory(prefix="llmgateway-") as folder, listening_socket(host, port) as listener:

        def work(number: int) -> int:
            metrics = WorkerMetrics(Path(folder), number, count)
            name = f"{process}#{number}"
            runtime = Runtime(file, secrets_folder, process=name, stand_alone=stand_alone, workers=metrics)
            return _serve(runtime, drain, host, port, [listener])

        return Workers(count, work).supervise()


def _serve(runtime: Runtime, drain: int, host: str, port: int, sockets: list[socket.socket] | None) -> int:
    config = uvicorn.Config(
        Application(runtime),
        host=host,
        port=port,
        loop="uvloop",
        http=JoinedWrites,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing asks for the client's address: one call less around each request
        timeout_keep_alive=CLIENT_KEEP_ALIVE,
        timeout_graceful_shutdown=drain,
        backlog=BACKLOG,
    )
    server = DrainingServer(config, runtime)
    server.run(sockets)
    return 0 if server.started else 1
