"""Leader election by a coordination Lease: at most one operator writes.

The library's own election is not used: it ends on the first refused connection instead of at the renew deadline, takes
the wall clock for durations, writes local times as UTC, and never gives the lease back. The rules are client-go's:
whoever sees the lease unchanged for its whole duration, by its own monotonic clock, may take it; the holder that could
not renew within the deadline stops before that. https://pkg.go.dev/k8s.io/client-go/tools/leaderelection
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmgateway_operator.cluster.errors import ClusterError, Conflict
from llmgateway_operator.cluster.kinds import LEASE
from llmgateway_operator.cluster.port import Cluster, Document
from llmgateway_operator.settings import ProcessSettings

log = logging.getLogger(__name__)


@dataclass
class Seen:
    """The lease as last observed, and when (monotonic) it last changed."""

    mark: tuple[str, str] | None = None
    since: float = 0.0


def may_take(lease: Mapping[str, Any], identity: str, seen: Seen, now: float) -> bool:
    """Whether this candidate may write its name into the lease; updates `seen`."""
    spec = lease.get("spec") or {}
    holder = spec.get("holderIdentity") or ""
    mark = (holder, spec.get("renewTime") or "")
    if mark != seen.mark:
        seen.mark, seen.since = mark, now
    if holder in ("", identity):
        return True
    return now - seen.since > float(spec.get("leaseDurationSeconds") or 0)


def taken(lease: Document, settings: ProcessSettings, moment: str) -> Document:
    """The lease with this candidate as its holder; `acquireTime` moves only when the holder does."""
    spec = dict(lease.get("spec") or {})
    changed = spec.get("holderIdentity") != settings.identity
    spec |= {
        "holderIdentity": settings.identity,
        "leaseDurationSeconds": int(settings.lease_duration),
        "renewTime": moment,
        "acquireTime": moment if changed else spec.get("acquireTime", moment),
        "leaseTransitions": spec.get("leaseTransitions", 0) + (1 if changed and "holderIdentity" in spec else 0),
    }
    return {**lease, "spec": spec}


def _moment() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass
class Election:
    """One candidate. `heartbeat`: monotonic time of the last answer about the lease; `leading` as it stands."""

    cluster: Cluster
    settings: ProcessSettings
    clock: Callable[[], float] = time.monotonic
    leading: bool = False
    heartbeat: float = field(default_factory=time.monotonic)
    _seen: Seen = field(default_factory=Seen)

    async def acquire(self) -> None:
        """Returns when this process leads; never gives up."""
        while not await self._try():
            await asyncio.sleep(self.settings.retry_period * random.uniform(0.8, 1.2))
        self.leading = True
        log.info("%s leads", self.settings.identity)

    async def hold(self) -> None:
        """Renews until the deadline has passed without success; returning means that the lease is lost."""
        renewed = self.clock()
        while self.clock() - renewed < self.settings.renew_deadline:
            await asyncio.sleep(self.settings.retry_period)
            try:
                async with asyncio.timeout(self.settings.renew_deadline):
                    if await self._try():
                        renewed = self.clock()
                    elif self._seen.mark and self._seen.mark[0] not in ("", self.settings.identity):
                        break  # somebody else holds it: no doubt, no deadline
            except TimeoutError:
                log.warning("lease: no answer")
        self.leading = False
        log.error("%s lost the lease", self.settings.identity)

    async def release(self) -> None:
        """Lets a stand-by follow at once. Does its best: the lease runs out anyway."""
        self.leading = False
        try:
            lease = await self._read()
            if lease and lease["spec"].get("holderIdentity") == self.settings.identity:
                lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                await self.cluster.replace(lease)
        except ClusterError as failure:
            log.warning("lease: %s", failure)

    async def _try(self) -> bool:
        try:
            lease = await self._read()
            self.heartbeat = time.monotonic()
            if lease is None:
                await self.cluster.create(taken(self._new(), self.settings, _moment()))
            elif not may_take(lease, self.settings.identity, self._seen, self.clock()):
                return False
            else:
                await self.cluster.replace(taken(lease, self.settings, _moment()))
        except Conflict:
            return False
        except ClusterError as failure:
            log.warning("lease: %s", failure)
            return False
        return True

    async def _read(self) -> Document | None:
        return await self.cluster.get(LEASE, self.settings.lease_namespace, self.settings.lease_name)

    def _new(self) -> Document:
        metadata = {"name": self.settings.lease_name, "namespace": self.settings.lease_namespace}
        return {"apiVersion": LEASE.api_version, "kind": LEASE.kind, "metadata": metadata}
