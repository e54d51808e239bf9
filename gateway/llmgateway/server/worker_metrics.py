"""The metrics of all workers of one gateway, whichever of them is scraped.

Each worker answers the others on a Unix socket with its own text. In the sum every series has a label `worker`: a
worker that was replaced then resets its own counters only, which is what Prometheus expects of a counter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

PATIENCE = 1.0
"""Seconds for a sibling's answer; one that does not give it is left out of this scrape."""


class WorkerMetrics:
    """One worker's place among `count` of them; `folder` is shared."""

    def __init__(self, folder: Path, number: int, count: int) -> None:
        self._folder = folder
        self._number = number
        self._count = count
        self._server: asyncio.Server | None = None

    async def open(self, own: Callable[[], bytes]) -> None:
        """From now on siblings get what `own` returns."""
        path = self._path(self._number)
        path.unlink(missing_ok=True)  # of a worker that was replaced

        async def tell(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(own())
            with suppress(ConnectionError):
                await writer.drain()
            writer.close()

        self._server = await asyncio.start_unix_server(tell, path)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def exposition(self, own: bytes) -> bytes:
        """The text of all workers."""
        others = [number for number in range(self._count) if number != self._number]
        texts = dict(zip(others, await asyncio.gather(*map(self._ask, others)), strict=True))
        return merged({number: text for number, text in sorted({**texts, self._number: own}.items()) if text})

    async def _ask(self, number: int) -> bytes:
        try:
            async with asyncio.timeout(PATIENCE):
                reader, writer = await asyncio.open_unix_connection(self._path(number))
                try:
                    return await reader.read(-1)
                finally:
                    writer.close()
        except OSError:
            return b""

    def _path(self, number: int) -> Path:
        return self._folder / f"worker-{number}.sock"


def merged(texts: Mapping[int, bytes]) -> bytes:
    """One exposition of several, each series with the number of its worker."""
    families: dict[str, Metric] = {}
    for number, text in texts.items():
        for family in text_string_to_metric_families(text.decode()):
            known = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            for sample in family.samples:
                labels = {**sample.labels, "worker": str(number)}
                known.samples.append(sample._replace(labels=labels))
    registry = CollectorRegistry()
    registry.register(_Collected(list(families.values())))
    return generate_latest(registry)


class _Collected(Collector):
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families
