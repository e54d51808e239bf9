"""Makes the cluster hold what is desired: applies in order, skips what is known to be so, prunes the rest."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any

from llmgateway_operator.cluster.errors import Rejected
from llmgateway_operator.cluster.index import ChildIndex, ObjectId
from llmgateway_operator.cluster.kinds import KINDS, Kind, kind_of
from llmgateway_operator.cluster.port import Cluster, Document, Manifest

log = logging.getLogger(__name__)


class Applied:
    """What came of one round: live objects by identity, and the API server's refusals in sentences."""

    def __init__(self) -> None:
        self.live: dict[ObjectId, Document] = {}
        self.refused: list[str] = []


class Applier:
    """Remembers what it applied, so that an unchanged gateway costs no call at all."""

    def __init__(self, cluster: Cluster, index: ChildIndex) -> None:
        self._cluster, self._index = cluster, index
        self._applied: dict[ObjectId, tuple[str, str, str]] = {}

    async def apply(self, manifests: Sequence[Manifest]) -> Applied:
        """In order of rank; manifests of one rank at the same time. Raises ClusterError but for Rejected."""
        applied = Applied()
        began = time.monotonic()
        for _, rank in groupby(manifests, key=lambda each: kind_of(each).rank):
            await _all(self._one(each, applied) for each in rank)
        if applied.live:
            log.info("applied in %.2f s: %s", time.monotonic() - began, ", ".join(map(str, applied.live)))
        return applied

    async def prune(self, owner_uid: str, manifests: Iterable[Manifest]) -> list[ObjectId]:
        """Deletes what this owner controls and does not want any more; what was deleted."""
        wanted = {identity_of(each) for each in manifests}
        surplus = list(self._surplus(owner_uid, wanted))
        await _all(self._delete(identity, uid) for identity, uid in surplus)
        return [identity for identity, _ in surplus]

    def knows(self, kind: Kind, namespace: str, name: str) -> bool:
        """Whether such an object with the operator's label was seen; the watches have listed all there are."""
        return self._index.find(ObjectId(kind.kind, namespace, name)) is not None

    def forget(self, owner_uid: str) -> None:
        """The owner is gone; garbage collection takes its children."""
        for identity, _ in list(self._index.of_owner(owner_uid)):
            self._applied.pop(identity, None)

    async def _one(self, manifest: Manifest, applied: Applied) -> None:
        identity, text = identity_of(manifest), _digest(manifest)
        child = self._index.find(identity)
        if child is not None and not child.leaving and self._applied.get(identity) == (child.uid, text, child.fields):
            return
        if child is None and await self._is_taken(manifest):
            applied.refused.append(f"{identity} exists and belongs to somebody else: rename or delete it")
            return
        try:
            live = await self._cluster.apply(manifest)
        except Rejected as refused:
            applied.refused.append(str(refused))
            return
        now = self._index.put(kind_of(manifest), live["metadata"])
        self._applied[identity] = (now.uid, text, now.fields)
        applied.live[identity] = live

    async def _is_taken(self, manifest: Manifest) -> bool:
        """Whether an object of that name is there without being this owner's: it would be collected with the owner."""
        kind, identity = kind_of(manifest), identity_of(manifest)
        found = await self._cluster.list_metadata(kind, identity.namespace, "", identity.name)
        wanted = {each["uid"] for each in manifest["metadata"]["ownerReferences"]}
        return any(not wanted & {each["uid"] for each in item.get("ownerReferences", ())} for item in found.items)

    def _surplus(self, owner_uid: str, wanted: set[ObjectId]) -> Iterator[tuple[ObjectId, str]]:
        for identity, child in self._index.of_owner(owner_uid):
            if identity not in wanted and KINDS[identity.kind].prunable and not child.leaving:
                yield identity, child.uid

    async def _delete(self, identity: ObjectId, uid: str) -> None:
        await self._cluster.delete(KINDS[identity.kind], identity.namespace, identity.name, uid)
        self._index.forget(KINDS[identity.kind], identity.namespace, identity.name)
        self._applied.pop(identity, None)
        log.info("pruned %s", identity)


def identity_of(manifest: Manifest) -> ObjectId:
    metadata = manifest["metadata"]
    return ObjectId(manifest["kind"], metadata["namespace"], metadata["name"])


def _digest(manifest: Manifest) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


async def _all(work: Iterable[Any]) -> None:
    """Waits for all before the first error is raised: nothing is left running unseen."""
    results = await asyncio.gather(*work, return_exceptions=True)
    for each in results:
        if isinstance(each, BaseException):
            raise each
