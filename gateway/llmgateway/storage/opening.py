"""The store that the spec asks for."""

from __future__ import annotations

from pathlib import Path

from llmgateway.storage.memory import MemoryStore
from llmgateway.storage.port import Store
from llmgateway.storage.records import Retention
from llmgateway.storage.resilient import GuardSettings, ResilientStore
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
        from llmgateway.storage.sqlite import SqliteStore  # noqa: PLC0415 - only where it is used

        return ResilientStore(SqliteStore(Path(spec.local.path), retention), settings)
    if spec.managed is not None and not managed_url:
        raise ValueError("store.managed needs the operator, which tells the gateway where its Valkey is")
    if spec.external is not None or spec.managed is not None:
        from llmgateway.storage.valkey import ValkeyStore  # noqa: PLC0415 - 8 MiB and a tenth of a start, where it is used

        url = spec.external.url if spec.external is not None else managed_url
        return ResilientStore(ValkeyStore(url, password, retention), settings)
    return MemoryStore(retention)


def retention_of(policy: Policy) -> Retention:
    """Responses are kept as long as conversations are: `previous_response_id` is one more way to go on with one."""
    ttl = float(policy.conversations.ttl)
    return Retention(conversations=ttl, responses=ttl, sessions=float(policy.sessions.ttl))
