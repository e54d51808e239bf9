"""`llmgateway serve`: one uvicorn process on uvloop and httptools, drained on SIGTERM."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path
from types import FrameType

import uvicorn

from llmgateway.server.application import Application
from llmgateway.server.configuration_file import read_configuration
from llmgateway.server.runtime import Runtime
from llmgateway.telemetry.log_lines import configure_logging

CLIENT_KEEP_ALIVE = 120
"""Seconds that an idle client connection stays open: longer than the usual 60 s of load balancers in front."""


IN_A_POD = "KUBERNETES_SERVICE_HOST"
"""Set by the kubelet in every container: there the operator's CronJob refreshes credentials, not the gateway."""
LINGER = 5.0
"""Seconds for which the socket still listens while requests run after SIGTERM: load balancers read 503 on /readyz
meanwhile. In a cluster the pod's preStop hook has already moved the traffic away."""


class DrainingServer(uvicorn.Server):
    """SIGTERM begins to drain: /readyz says 503, running requests end whole within the drain time."""

    def __init__(self, config: uvicorn.Config, runtime: Runtime) -> None:
        super().__init__(config)
        self._runtime = runtime
        self._listens_until = 0.0

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first SIGTERM drains; SIGINT and a second signal end at once."""
        if sig == signal.SIGTERM and not self._runtime.draining:
            self._runtime.draining = True
            self._listens_until = time.monotonic() + LINGER
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second: closes the listener when nothing runs any more, or after LINGER."""
        if self._runtime.draining and (not self.server_state.tasks or time.monotonic() > self._listens_until):
            self.should_exit = True
        return await super().on_tick(counter)


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
