"""How much of its memory limit a managed store may fill.

A fork for a snapshot or a rewrite of the log may double the memory; buffers and fragmentation want a quarter more than
the data. A store that is allowed to fill its limit is killed, reloads the same data and is killed again, for ever.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from llmgateway_api import ManagedStore

MIB: Final = 1024 * 1024
OVERHEAD: Final = 64 * MIB
STANDARD_LIMIT: Final = 512 * MIB
FACTORS: Final = {"None": 1.25, "RDB": 2.0, "AOF": 2.0}


@dataclass(frozen=True)
class StoreMemory:
    """In bytes. `needed` is the limit that `maxmemory` asks for."""

    maxmemory: int
    limit: int
    needed: int

    @property
    def safe(self) -> bool:
        return self.limit >= self.needed


def store_memory(store: ManagedStore) -> StoreMemory:
    """`auto` follows the limit; a limit that is left out follows an explicit `maxmemory`."""
    factor = FACTORS[store.persistence.mode]
    given = _given_limit(store)
    if store.maxmemory == "auto":
        limit = given or STANDARD_LIMIT
        maxmemory = max(int((limit - OVERHEAD) / factor), MIB)
    else:
        maxmemory = store.maxmemory.bytes
        limit = given or _needed(maxmemory, factor)
    return StoreMemory(maxmemory, limit, _needed(maxmemory, factor))


def _needed(maxmemory: int, factor: float) -> int:
    return math.ceil(maxmemory * factor) + OVERHEAD


def _given_limit(store: ManagedStore) -> int | None:
    """What the user wrote, not what the API types fill in."""
    written = "limits" in store.resources.model_fields_set
    return store.resources.limits["memory"].bytes if written and "memory" in store.resources.limits else None
