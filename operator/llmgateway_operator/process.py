"""One operator process: candidate first, leader later, gone when the lease is lost."""

from __future__ import annotations

import asyncio
import datetime
import logging
import random
import signal
from collections.abc import Coroutine, Mapping
from typing import Any

from llmgateway_operator import handlers
from llmgateway_operator.apply import Applier
from llmgateway_operator.cluster.capabilities import Capabilities
from llmgateway_operator.cluster.index import Child, ChildIndex, ObjectId
from llmgateway_operator.cluster.kinds import CHILDREN, CREDENTIAL, GATEWAY, SECRET, Kind
from llmgateway_operator.cluster.kubernetes_api import connect
from llmgateway_operator.cluster.metadata_watch import MetadataWatch
from llmgateway_operator.cluster.port import Cluster, Document
from llmgateway_operator.credential.gauges import CredentialGauges
from llmgateway_operator.credential.reconcile import CredentialReconciler
from llmgateway_operator.desired.naming import MANAGED_BY, MANAGED_BY_LABEL, SELECTOR
from llmgateway_operator.election import Election
from llmgateway_operator.events import Announcer
from llmgateway_operator.health import HealthServer, Vitals
from llmgateway_operator.keys import Key
from llmgateway_operator.reconcile import GatewayReconciler
from llmgateway_operator.references import ReferenceIndex
from llmgateway_operator.settings import ProcessSettings
from llmgateway_operator.workqueue import Work, Workqueue

log = logging.getLogger(__name__)
LEASE_SILENCE = 60.0  # seconds without an answer about the lease after which a candidate counts as dead
SETTLE = 0.3  # seconds between a child's change and the look at its owner
WATCH_SILENCE = 480.0  # seconds; a watch call ends after 360 at the latest


async def run(settings: ProcessSettings) -> int:
    """The exit code: 0 after a termination signal, 1 when the lease was lost or a part of the operator failed."""
    cluster = await connect()
    vitals, server = Vitals(), None
    stop = asyncio.Event()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    try:
        election = Election(cluster, settings)
        vitals.ages["lease"] = (lambda: election.heartbeat, LEASE_SILENCE)
        vitals.metrics["llmgateway_operator_leader"] = lambda: float(election.leading)
        server = HealthServer(vitals)
        await server.open(settings.health_host, settings.health_port)
        if not await _unless(stop, election.acquire()):
            return 0
        code = await Leader(cluster, settings, vitals).lead(election, stop)
        if election.leading:
            await election.release()
        return code
    finally:
        if server is not None:
            await server.close()
        await cluster.close()


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> bool:
    """Whether `work` came to its end before `stop` was set."""
    tasks = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finished = tasks[0].done()
    await _cancel(*tasks)
    return finished


class Leader:
    """Watches, queue and workers of the process that holds the lease."""

    def __init__(self, cluster: Cluster, settings: ProcessSettings, vitals: Vitals) -> None:
        self._settings = settings
        self._queue = Workqueue()
        self._index, self._references = ChildIndex(), ReferenceIndex()
        self._known: set[Key] = set()
        self._watches = [
            MetadataWatch(cluster, kind, scope, "" if kind is SECRET else SELECTOR, self)
            for kind in CHILDREN
            for scope in settings.scopes
        ]
        self._gauges = CredentialGauges()
        self._reconcilers = _reconcilers(cluster, settings, self._index, self._references, self._gauges)
        self._report(vitals)

    def _report(self, vitals: Vitals) -> None:
        vitals.ready = lambda: all(each.listed.is_set() for each in self._watches)
        vitals.ages["watches"] = (lambda: min(each.heartbeat for each in self._watches), WATCH_SILENCE)
        vitals.metrics |= {
            "llmgateway_operator_queue_depth": lambda: float(self._queue.depth()),
            "llmgateway_operator_reconciliations_total": lambda: float(self._queue.done),
            "llmgateway_operator_failures_total": lambda: float(self._queue.failed),
            "llmgateway_operator_children": lambda: float(len(self._index)),
        }
        vitals.gauges |= {
            "llmgateway_operator_credential_expiry_timestamp_seconds": self._gauges.expiry,
            "llmgateway_operator_credential_ready": self._gauges.ready,
        }

    async def lead(self, election: Election, stop: asyncio.Event) -> int:
        """Until `stop` is set (0), or until the lease is lost or a part has failed (1)."""
        parts = [asyncio.create_task(election.hold(), name="lease")]
        parts += [asyncio.create_task(each.run(), name="watch") for each in self._watches]
        parts += [
            asyncio.create_task(self._work(), name="workers"),
            asyncio.create_task(self._resync(), name="resync"),
            asyncio.create_task(handlers.watch(self._settings, self.notice), name="kopf"),
        ]
        stopped = asyncio.create_task(stop.wait(), name="stop")
        done, _ = await asyncio.wait({*parts, stopped}, return_when=asyncio.FIRST_COMPLETED)
        failed = [each for each in done if each is not stopped]
        for each in failed:
            log.error("%s ended", each.get_name(), exc_info=each.exception())
        await _cancel(stopped, *parts)  # nothing is written from here on
        return 1 if failed else 0

    def notice(self, key: Key, found: bool) -> None:
        """kopf saw something of this object, or `found` it in a list."""
        self._known.add(key)
        self._queue.add(key, routine=found)
        for referrer in self._references.referrers(ObjectId(*key)):
            self._queue.add(referrer, routine=found)

    def listed(self, kind: Kind, namespace: str | None, items: list[Document]) -> None:
        """A metadata watch has listed everything of a kind."""
        own = [each for each in items if _is_ours(each)]
        self._index.reset(kind, namespace, own)
        for each in items:
            self._touch(kind, each, routine=True)

    def changed(self, kind: Kind, metadata: Document, *, deleted: bool) -> None:
        """A metadata watch saw a change."""
        before = self._index.find(ObjectId(kind.kind, metadata["namespace"], metadata["name"]))
        after = None
        if not deleted and before is not None and before.version == metadata["resourceVersion"]:
            after = before  # an echo of the operator's own write
        elif deleted or not _is_ours(metadata):
            self._index.forget(kind, metadata["namespace"], metadata["name"])
        else:
            after = self._index.put(kind, metadata)
        self._touch(kind, metadata, is_news=_is_news(kind, before, after))

    def _touch(self, kind: Kind, metadata: Document, *, is_news: bool = True, routine: bool = False) -> None:
        """A child's news are worked a moment later: it usually has more to tell."""
        for owner in metadata.get("ownerReferences", ()):
            if is_news and owner.get("controller") and owner["kind"] in self._reconcilers:
                owning = Key(owner["kind"], metadata["namespace"], owner["name"])
                self._queue.add_after(owning, SETTLE, routine=routine)
        for referrer in self._references.referrers(ObjectId(kind.kind, metadata["namespace"], metadata["name"])):
            self._queue.add(referrer, routine=routine)

    async def _work(self) -> None:
        """Workers start when the index is complete: what is not in it yet would be applied in vain."""
        for each in self._watches:
            await each.listed.wait()
        await self._queue.work(self._reconcile, self._settings.workers)

    async def _reconcile(self, key: Key) -> float | None:
        return await self._reconcilers[key.kind](key) if key.kind in self._reconcilers else None

    async def _resync(self) -> None:
        """A full look at everything now and then: whatever was missed is found."""
        while True:
            await asyncio.sleep(self._settings.resync * random.uniform(2 / 3, 4 / 3))
            for watch in self._watches:
                watch.relist()
            for key in self._known:
                self._queue.add_after(key, random.uniform(0, self._settings.resync / 10), routine=True)


def _reconcilers(
    cluster: Cluster,
    settings: ProcessSettings,
    index: ChildIndex,
    references: ReferenceIndex,
    gauges: CredentialGauges,
) -> Mapping[str, Work]:
    """One reconcile function per kind: the place where a further kind is added."""
    applier, announcer = Applier(cluster, index), Announcer(cluster, settings.identity)
    return {
        GATEWAY.kind: GatewayReconciler(
            cluster=cluster,
            applier=applier,
            references=references,
            capabilities=Capabilities(cluster),
            announcer=announcer,
            defaults=settings.defaults,
            now=_now,
        ),
        CREDENTIAL.kind: CredentialReconciler(
            cluster=cluster,
            applier=applier,
            references=references,
            announcer=announcer,
            gauges=gauges,
            defaults=settings.defaults,
            now=_now,
        ),
    }


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _is_news(kind: Kind, before: Child | None, after: Child | None) -> bool:
    """What the operator wrote itself is none, nor is the status of a kind whose status nobody reads."""
    if before is None or after is None or before != after:
        return True
    return kind.read and before.version != after.version


def _is_ours(metadata: Document) -> bool:
    return bool(metadata.get("labels", {}).get(MANAGED_BY_LABEL) == MANAGED_BY)


async def _cancel(*tasks: asyncio.Task[Any]) -> None:
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
