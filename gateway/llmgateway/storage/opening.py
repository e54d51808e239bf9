"""The store that the spec asks for."""

from __future__ import annotations

from pathlib import Path

from llmgateway.storage.memory import MemoryStore
from llmgateway.storage.port import Store
from llmgateway.storage.records import Retention
from llmgateway.storage.resilient import GuardSettings, ResilientStore
from llmgateway.storage.sqlite import SqliteStore
from llmgateway.storage.valkey import ValkeyStore
from llmgateway_api.policy import Policy
from llmgateway_api.store import Store as StoreSpec


def open_store(spec: StoreSpec, policy: Policy, *, managed_url: str = "", password: str | None = None) -> Store:
    """Never fails and never waits: a store that is away is found later. `managed_url`: where the operator's own Valkey
    is; `password`: of the managed or external one. Raises ValueError when a managed store comes without its URL."""
    retention = retention_of(policy)
    settings = GuardSettings(
        attempts=spec.connection.attempts, max_backoff=spec.connection.max_backoff, queue=spec.connection.queue
    )
    if spec.local is not None:
        return ResilientStore(SqliteStore(Path(spec.local.path), retention), settings)
    if spec.external is not None:
        return ResilientStore(ValkeyStore(spec.external.url, password, retention), settings)
    if spec.managed is not None:
        if not managed_url:
            raise ValueError("store.managed needs the operator, which tells the gateway where its Valkey is")
        return ResilientStore(ValkeyStore(managed_url, password, retention), settings)
    return MemoryStore(retention)


def retention_of(policy: Policy) -> Retention:
    """Responses are kept as long as conversations are: `previous_response_id` is one more way to go on with one."""
    ttl = float(policy.conversations.ttl)
    return Retention(conversations=ttl, responses=ttl, sessions=float(policy.sessions.ttl))
