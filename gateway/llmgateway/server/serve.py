"""`llmgateway serve`: one uvicorn process on uvloop and httptools, drained on SIGTERM."""

from __future__ import annotations

import os
from pathlib import Path
from types import FrameType

import uvicorn

from llmgateway.server.application import Application
from llmgateway.server.configuration_file import read_configuration
from llmgateway.server.runtime import Runtime
from llmgateway.telemetry.log_lines import configure_logging

CLIENT_KEEP_ALIVE = 120
"""Seconds that an idle client connection stays open: longer than the usual 60 s of load balancers in front."""


class DrainingServer(uvicorn.Server):
    """Says 503 on /readyz from the first SIGTERM on; running streams end whole within the drain time."""

    def __init__(self, config: uvicorn.Config, runtime: Runtime) -> None:
        super().__init__(config)
        self._runtime = runtime

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal came: begin to drain."""
        self._runtime.draining = True
        super().handle_exit(sig, frame)


def serve(file: Path | None, host: str, port: int, secrets_folder: Path | None) -> None:
    """Serves until a signal ends it. Raises InvalidConfiguration and OSError before anything listens."""
    configuration = read_configuration(file)
    configure_logging(os.environ.get("LLMGATEWAY_LOG_LEVEL", "INFO").upper())
    runtime = Runtime(file, secrets_folder)
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
        timeout_keep_alive=CLIENT_KEEP_ALIVE,
        timeout_graceful_shutdown=int(configuration.gateway.spec.availability.drain),
        backlog=4096,
    )
    DrainingServer(config, runtime).run()
