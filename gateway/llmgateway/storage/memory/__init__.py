"""The store of a gateway that stands alone and keeps nothing: dictionaries of one process, bounded by age and bytes.
Documents are kept as JSON bytes, so that their size is known and nobody changes them afterwards."""

from __future__ import annotations

import time

from llmgateway.storage.memory.conversations import MemoryConversations
from llmgateway.storage.memory.expiring_table import Clock
from llmgateway.storage.memory.limits import MemoryLimits
from llmgateway.storage.memory.processes import MemoryProcesses
from llmgateway.storage.memory.responses import MemoryResponses
from llmgateway.storage.memory.sessions import MemorySessions
from llmgateway.storage.records import Health, Retention

__all__ = ["MAX_BYTES", "MemoryLimits", "MemoryStore"]

MAX_BYTES = 256 * 1024 * 1024


class MemoryStore:
    """`max_bytes`: documents of one kind (conversations, responses) may take up as much; the longest unwritten go
    first."""

    def __init__(
        self, retention: Retention | None = None, clock: Clock = time.time, max_bytes: int = MAX_BYTES
    ) -> None:
        kept = retention or Retention()
        self.conversations = MemoryConversations(kept.conversations, clock, max_bytes)
        self.responses = MemoryResponses(kept.responses, clock, max_bytes)
        self.sessions = MemorySessions(kept.sessions, clock)
        self.limits = MemoryLimits(clock)
        self.processes = MemoryProcesses()

    def health(self) -> Health:
        return Health()

    async def ping(self) -> None:
        """Memory always answers."""

    async def close(self) -> None:
        """Nothing to let go of."""
