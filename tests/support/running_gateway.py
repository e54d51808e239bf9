"""The gateway on a free port: inside the test's event loop, or as the process that users start."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn

from llmgateway.server.application import Application
from llmgateway.server.joined_writes import JoinedWrites
from llmgateway.server.runtime import Runtime
from support.free_port import free_port

READY_WITHIN = 60
"""Seconds; generous, because test machines are busy."""


@dataclass
class Running:
    """A gateway that serves."""

    url: str
    runtime: Runtime | None = None
    process: subprocess.Popen[bytes] | None = None
    log: Path | None = None

    def printed(self) -> str:
        """What the process has written so far."""
        assert self.log is not None
        return self.log.read_text()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # pytest keeps its own


@contextlib.asynccontextmanager
async def gateway_in_loop(file: Path | None = None, secrets: Path | None = None) -> AsyncIterator[Running]:
    """The real application under the real server, in this event loop."""
    runtime = Runtime(file, secrets)
    port = free_port()
    config = uvicorn.Config(
        Application(runtime), port=port, http=JoinedWrites, ws="none", lifespan="on", log_config=None,
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = _Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        assert not serving.done(), serving.exception() or "the gateway did not start"
        await asyncio.sleep(0.01)
    try:
        yield Running(f"http://127.0.0.1:{port}", runtime)
    finally:
        server.should_exit = True
        await serving


@contextlib.contextmanager
def gateway_process(
    arguments: Sequence[str] = (),
    *,
    command: Sequence[str] = (),
    environment: dict[str, str] | None = None,
    port: int | None = None,
) -> Iterator[Running]:
    """`llmgateway serve ...` as a process; its log is in the error when it does not come up."""
    port = port or free_port()
    full = [*(command or [sys.executable, "-m", "llmgateway", "serve"]), *arguments, "--port", str(port)]
    with tempfile.NamedTemporaryFile(suffix=".log") as log:  # not a pipe: one that nobody reads blocks the writer
        process = subprocess.Popen(
            full, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})}
        )
        running = Running(f"http://127.0.0.1:{port}", process=process, log=Path(log.name))
        try:
            _wait_until_ready(running, process)
            yield running
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(running: Running, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"the gateway ended: {running.printed()[-3000:]}")
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{running.url}/readyz", timeout=1).status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"the gateway was not ready within {READY_WITHIN} s")
