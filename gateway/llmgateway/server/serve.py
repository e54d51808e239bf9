"""`llmgateway serve`: one uvicorn process on uvloop and httptools, drained on SIGTERM."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import uvicorn

from llmgateway.server.application import Application
from llmgateway.server.configuration_file import read_configuration
from llmgateway.server.draining import DrainingServer
from llmgateway.server.runtime import Runtime
from llmgateway.telemetry.log_lines import configure_logging

CLIENT_KEEP_ALIVE = 120
"""Seconds that an idle client connection stays open: longer than the usual 60 s of load balancers in front."""


IN_A_POD = "KUBERNETES_SERVICE_HOST"
"""Set by the kubelet in every container: there the operator's CronJob refreshes credentials, not the gateway."""


def serve(file: Path | None, host: str, port: int, secrets_folder: Path | None) -> None:
    """Serves until a signal ends it. Raises InvalidConfiguration and OSError before anything listens."""
    configuration = read_configuration(file)
    configure_logging(os.environ.get("LLMGATEWAY_LOG_LEVEL", "INFO").upper())
    runtime = Runtime(
        file, secrets_folder, process=f"{socket.gethostname()}:{port}", stand_alone=IN_A_POD not in os.environ
    )
    config = uvicorn.Config(
        Application(runtime),
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing asks for the client's address: one call less around each request
        timeout_keep_alive=CLIENT_KEEP_ALIVE,
        timeout_graceful_shutdown=int(configuration.gateway.spec.availability.drain),
        backlog=4096,
    )
    DrainingServer(config, runtime).run()
