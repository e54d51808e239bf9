"""Health and metrics of the operator's own process, outside kopf: a stand-by is alive and ready too.

GET /healthz: 200 while everything that must move has moved lately; 503 names what has not.
GET /readyz: 200 for a stand-by, and for a leader that has listed everything once.
GET /metrics: Prometheus text.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

log = logging.getLogger(__name__)

Labels = tuple[tuple[str, str], ...]
"""Names and values of labels; the values are names of Kubernetes, which need no quoting."""


@dataclass
class Vitals:
    """What the endpoints report. `ages`: name -> (last sign of life, most seconds since then)."""

    ages: dict[str, tuple[Callable[[], float], float]] = field(default_factory=dict)
    ready: Callable[[], bool] = field(default=lambda: True)
    metrics: dict[str, Callable[[], float]] = field(default_factory=dict)
    gauges: dict[str, Callable[[], Mapping[Labels, float]]] = field(default_factory=dict)
    """Those that have labels."""

    def overdue(self, now: float) -> list[str]:
        """Names of what has been silent for too long."""
        return [name for name, (last, most) in self.ages.items() if now - last() > most]


class HealthServer:
    """Serves until `close`."""

    def __init__(self, vitals: Vitals) -> None:
        self._vitals = vitals
        self._runner: web.AppRunner | None = None

    async def open(self, host: str, port: int) -> int:
        """The port it listens on. Raises OSError."""
        app = web.Application()
        app.router.add_get("/healthz", self._alive)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        chosen: int = self._runner.addresses[0][1]
        log.info("health on port %d", chosen)
        return chosen

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _alive(self, _: web.Request) -> web.Response:
        overdue = self._vitals.overdue(time.monotonic())
        return web.Response(status=503 if overdue else 200, text=", ".join(overdue) or "ok")

    async def _ready(self, _: web.Request) -> web.Response:
        ready = self._vitals.ready()
        return web.Response(status=200 if ready else 503, text="ok" if ready else "listing")

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(text=_exposition(self._vitals), content_type="text/plain", charset="utf-8")


def _exposition(vitals: Vitals) -> str:
    kinds = {True: "counter", False: "gauge"}
    lines = [
        f"# TYPE {name} {kinds[name.endswith('_total')]}\n{name} {read():g}" for name, read in vitals.metrics.items()
    ]
    for name, read_all in vitals.gauges.items():
        lines.append(f"# TYPE {name} gauge")
        lines += [f"{name}{_braced(labels)} {value:.15g}" for labels, value in sorted(read_all().items())]
    return "\n".join([*lines, ""])


def _braced(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels) + "}"
