"""A watch that carries metadata only: what changed, not what it says.

kopf's watches carry whole objects and keep a record of each; for children and Secrets the names are enough, and the
data of Secrets that are none of the operator's business never enters its memory.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import Final, Protocol

from llmgateway_operator.cluster.errors import ClusterError, Gone, Rejected
from llmgateway_operator.cluster.kinds import Kind
from llmgateway_operator.cluster.port import Cluster, Document

WATCH_SECONDS: Final = 300.0  # one watch call; the server ends it, the next goes on at its resource version
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 15.0
NOT_SERVED_PAUSE: Final = 30.0  # the CRD of an optional kind may come later

log = logging.getLogger(__name__)


class Sink(Protocol):
    """Who wants to know."""

    def listed(self, kind: Kind, namespace: str | None, items: list[Document]) -> None:
        """All objects there are."""

    def changed(self, kind: Kind, metadata: Document, *, deleted: bool) -> None:
        """One object that came, changed or went."""


class MetadataWatch:
    """Runs until it is cancelled. `heartbeat` is the monotonic time of the last sign of life, for health checks."""

    def __init__(self, cluster: Cluster, kind: Kind, namespace: str | None, selector: str, sink: Sink) -> None:
        self._cluster, self._kind, self._namespace, self._selector = cluster, kind, namespace, selector
        self._sink = sink
        self._version = ""
        self.heartbeat = time.monotonic()
        self.listed = asyncio.Event()

    def relist(self) -> None:
        """The next watch call begins with a fresh list."""
        self._version = ""

    async def run(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await self._once()
                pause = FIRST_PAUSE
            except Gone:
                self.relist()
            except Rejected as refused:
                await self._not_served(refused)
            except ClusterError as failure:
                log.warning("%s; again in %.1f s", failure, pause)
                await asyncio.sleep(pause * random.uniform(0.8, 1.2))
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _once(self) -> None:
        if not self._version:
            listing = await self._cluster.list_metadata(self._kind, self._namespace, self._selector)
            self._sink.listed(self._kind, self._namespace, listing.items)
            self._version = listing.resource_version
            self.listed.set()
        self.heartbeat = time.monotonic()
        changes = self._cluster.watch_metadata(
            self._kind, self._namespace, self._selector, self._version, WATCH_SECONDS * random.uniform(0.8, 1.2)
        )
        async for change in changes:
            self.heartbeat = time.monotonic()
            if change.type != "BOOKMARK":
                self._sink.changed(self._kind, change.metadata, deleted=change.type == "DELETED")
            if self._version:
                self._version = change.metadata["resourceVersion"]

    async def _not_served(self, refused: Rejected) -> None:
        if not (self._kind.optional and refused.status == 404):
            log.error("%s", refused)
        self._sink.listed(self._kind, self._namespace, [])
        self.listed.set()
        self.relist()
        self.heartbeat = time.monotonic()
        await asyncio.sleep(NOT_SERVED_PAUSE)
