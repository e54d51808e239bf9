"""The uvicorn server that ends without cutting anything: it drains on SIGTERM.

From then on every response says `connection: close` (RFC 9112, 9.6), so that no client asks again on a connection that
is about to end. A stream that began before could not say so: its connection stays open for a moment, and what its
client asks next is answered like everything else. Closing it together with the stream would meet that next question
halfway.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from types import FrameType
from typing import Final

import uvicorn

from llmgateway.server.runtime import Runtime

LINGER: Final = 5.0
"""Seconds for which the socket still listens after SIGTERM, and for which a connection without a request stays open.
Load balancers read 503 on /readyz meanwhile. In a cluster the pod's preStop hook has already moved new connections
away."""
POLL: Final = 0.1
CLOSE: Final = (b"connection", b"close")


class DrainingServer(uvicorn.Server):
    """SIGTERM begins to drain: /readyz says 503, running requests end whole within the drain time."""

    def __init__(self, config: uvicorn.Config, runtime: Runtime) -> None:
        super().__init__(config)
        self._runtime = runtime
        self._began = 0.0
        self._idle_since: dict[object, float] = {}
        self._at_once = False

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first SIGTERM drains; SIGINT and a second signal end without waiting for idle clients."""
        if sig == signal.SIGTERM and not self._runtime.draining:
            self._runtime.draining = True
            self._began = time.monotonic()
            self.config.encoded_headers.append(CLOSE)  # uvicorn makes its default headers of these once a second
            self.server_state.default_headers = [*self.server_state.default_headers, CLOSE]
        else:
            self._at_once = True
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second: closes the listener when nobody is connected any more, or after LINGER."""
        if self._runtime.draining:
            self._close_idle()
            if not self.server_state.connections or time.monotonic() > self._began + LINGER:
                self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Lets connections end by themselves, within the drain time; then uvicorn's own way."""
        if self._runtime.draining:
            for server in self.servers:
                server.close()
            drain = self.config.timeout_graceful_shutdown or 0
            while self.server_state.connections and not self._at_once and time.monotonic() < self._began + drain:
                self._close_idle()
                await asyncio.sleep(POLL)
            left = self._began + drain - time.monotonic()
            self.config.timeout_graceful_shutdown = max(1, int(left))
        await super().shutdown(sockets)

    def _close_idle(self) -> None:
        now = time.monotonic()
        for connection in list(self.server_state.connections):
            cycle = getattr(connection, "cycle", None)
            if cycle is not None and not cycle.response_complete:
                self._idle_since.pop(connection, None)
            elif now - self._idle_since.setdefault(connection, now) > LINGER:
                connection.shutdown()
