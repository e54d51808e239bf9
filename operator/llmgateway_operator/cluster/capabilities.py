"""What this API server can do: optional CRDs that it serves, and whether the project's own CRDs are up to date.

Both come from discovery and OpenAPI, which everybody who is logged in may read: no permission on CRDs is needed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from llmgateway_api import API_VERSION
from llmgateway_operator.cluster.field_paths import known_fields, missing_fields
from llmgateway_operator.cluster.kinds import CHILDREN
from llmgateway_operator.cluster.port import Cluster

MAX_AGE: Final = 30.0  # seconds; a CRD that is installed later is noticed after as long


class Capabilities:
    """Asks at most every MAX_AGE seconds."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._kinds: frozenset[str] = frozenset()
        self._outdated: tuple[str, ...] = ()
        self._asked = float("-inf")
        self._lock = asyncio.Lock()

    async def optional_kinds(self) -> frozenset[str]:
        """Names of the optional kinds that are served. Raises ClusterError."""
        await self._refresh()
        return self._kinds

    async def outdated_fields(self) -> tuple[str, ...]:
        """Fields of the API types that the installed CRDs do not know. Raises ClusterError."""
        await self._refresh()
        return self._outdated

    async def _refresh(self) -> None:
        async with self._lock:
            if time.monotonic() - self._asked < MAX_AGE:
                return
            self._kinds = await self._served()
            schema = await self._cluster.schema(API_VERSION)
            self._outdated = () if schema is None else tuple(missing_fields(_schemas(schema)))
            self._asked = time.monotonic()

    async def _served(self) -> frozenset[str]:
        versions = sorted({each.api_version for each in CHILDREN if each.optional})
        served = [await self._cluster.served_kinds(version) for version in versions]
        wanted = {each.kind for each in CHILDREN if each.optional}
        return frozenset(kind for kinds in served for kind in kinds or () if kind in wanted)


def _schemas(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for schema in document.get("components", {}).get("schemas", {}).values():
        for identity in schema.get("x-kubernetes-group-version-kind", ()):
            if identity["kind"] in known_fields():
                yield identity["kind"], schema
