"""Who refers to what: a changed Secret or LLMCredential leads to the gateways that use it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from llmgateway_operator.cluster.index import ObjectId
from llmgateway_operator.keys import Key


class ReferenceIndex:
    """Written by reconciliations, read by watches."""

    def __init__(self) -> None:
        self._targets: dict[Key, frozenset[ObjectId]] = {}
        self._referrers: defaultdict[ObjectId, set[Key]] = defaultdict(set)

    def put(self, key: Key, targets: Iterable[ObjectId]) -> None:
        """All that `key` refers to, whether it exists or not; replaces what was known before."""
        new, old = frozenset(targets), self._targets.get(key, frozenset())
        for target in old - new:
            self._referrers[target].discard(key)
            if not self._referrers[target]:
                del self._referrers[target]
        for target in new - old:
            self._referrers[target].add(key)
        self._targets[key] = new

    def forget(self, key: Key) -> None:
        """The referrer is gone."""
        self.put(key, ())
        del self._targets[key]

    def referrers(self, target: ObjectId) -> frozenset[Key]:
        return frozenset(self._referrers.get(target, ()))
