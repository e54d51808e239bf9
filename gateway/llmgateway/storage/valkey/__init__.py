"""The store that all replicas share: Valkey 7.2 or newer, or Redis 7.0 or newer, alone or as a cluster.

| key | type | holds |
|---|---|---|
| `llmgateway:{owner:O}:conversation:ID` | hash | created, updated, metadata, turns (count), `turn:T` = "number JSON" |
| `llmgateway:{owner:O}:conversations` | sorted set | conversation ids by time of update |
| `llmgateway:{response:O:ID}` | hash | at, status, process, document, input_items, last (event) |
| `llmgateway:{response:O:ID}:events` | stream | event n as entry n+1-0; when closed, an entry after the last |
| `llmgateway:{session:O:ID}` | hash | started, active, `counter:N`, `peak:N`, `fact:N` |
| `llmgateway:{session:O:ID}:entries` | list | "TURN" + line feed + JSON, oldest first |
| `llmgateway:{session:O:ID}:suspended` | string | at, a space, and the reason |
| `llmgateway:{process:P}:sessions` | sorted set | sessions served, by time |
| `llmgateway:{process:P}:responses` | set | responses begun and not closed |
| `llmgateway:processes` | sorted set | process names by last beat |
| `llmgateway:{limits:C}` | hash | budget name = "window number used" |

Names are percent-encoded, so that no client can leave its braces. What is written together shares a hash tag, hence a
slot of a cluster. Every key expires: a volatile-* policy may evict all of them. What must not be torn apart by an
eviction (a conversation with all its turns) is one key. Scripts touch only the keys that they are given.
"""

from __future__ import annotations

from llmgateway.storage.records import Health, Retention
from llmgateway.storage.valkey.connection import ValkeyConnection
from llmgateway.storage.valkey.conversations import ValkeyConversations
from llmgateway.storage.valkey.limits import ValkeyLimits
from llmgateway.storage.valkey.processes import ValkeyProcesses
from llmgateway.storage.valkey.responses import ValkeyResponses
from llmgateway.storage.valkey.sessions import ValkeySessions

__all__ = ["ValkeyStore"]


class ValkeyStore:
    """Connects at first use: construction never fails. `url`: redis://, rediss:// or unix://, without a password."""

    def __init__(
        self, url: str, password: str | None = None, retention: Retention | None = None, timeout: float = 1.0
    ) -> None:
        kept = retention or Retention()
        self._connection = ValkeyConnection(url, password, timeout)
        self.conversations = ValkeyConversations(self._connection, kept.conversations)
        self.responses = ValkeyResponses(self._connection, kept.responses, kept.events)
        self.sessions = ValkeySessions(self._connection, kept.sessions)
        self.limits = ValkeyLimits(self._connection)
        self.processes = ValkeyProcesses(self._connection)

    def health(self) -> Health:
        return Health()

    async def ping(self) -> None:
        """Raises StoreUnavailable."""
        await self._connection.call("PING")

    async def close(self) -> None:
        await self._connection.close()
