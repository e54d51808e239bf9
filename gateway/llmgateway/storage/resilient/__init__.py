"""A store that may be away, made into one that never holds up a request (S2).

A command gets a few quick tries. After that writes go to a bounded queue and reads fail at once, while one task asks
for the store again, up to `max_backoff` apart, for ever; when it answers, the queue is written in order, and only then
do writes go straight through again. Budgets are counted by this replica alone meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from llmgateway.storage.port import Store
from llmgateway.storage.records import Health
from llmgateway.storage.resilient.conversations import ResilientConversations
from llmgateway.storage.resilient.guard import Guard, GuardSettings
from llmgateway.storage.resilient.limits import ResilientLimits
from llmgateway.storage.resilient.processes import ResilientProcesses
from llmgateway.storage.resilient.responses import ResilientResponses
from llmgateway.storage.resilient.sessions import ResilientSessions

__all__ = ["GuardSettings", "ResilientStore"]


class ResilientStore:
    """Wraps a store whose methods raise StoreUnavailable."""

    def __init__(
        self, inner: Store, settings: GuardSettings | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._inner = inner
        self._guard = Guard(inner.ping, settings or GuardSettings(), clock)
        self.conversations = ResilientConversations(inner.conversations, self._guard)
        self.responses = ResilientResponses(inner.responses, self._guard)
        self.sessions = ResilientSessions(inner.sessions, self._guard)
        self.limits = ResilientLimits(inner.limits, self._guard, clock)
        self.processes = ResilientProcesses(inner.processes, self._guard)

    def health(self) -> Health:
        return self._guard.health()

    async def ping(self) -> None:
        """Raises StoreUnavailable."""
        await self._guard.read((), self._inner.ping)

    async def close(self) -> None:
        await self._guard.close()
        await self._inner.close()
