"""The store of the current configuration: opened when its spec changes, kept when it does not."""

from __future__ import annotations

import asyncio
import logging

from llmgateway.credentials.secret_store import SecretStore
from llmgateway.server.configuration_file import Configuration
from llmgateway.storage.memory import MemoryStore
from llmgateway.storage.opening import open_store, retention_of
from llmgateway.storage.port import Store
from llmgateway_api.store import Store as StoreSpec

logger = logging.getLogger(__name__)

CLOSE_AFTER = 60.0
"""Seconds in which requests that began on an old store may still write to it."""


class StoreHolder:
    """`current` is what new requests use."""

    def __init__(self, secrets: SecretStore) -> None:
        self._secrets = secrets
        self._identity: object = None
        self._closing: set[asyncio.Task[None]] = set()
        self.current: Store = MemoryStore()

    def adopt(self, configuration: Configuration) -> None:
        """Opens what the configuration asks for, if it is not open already. Never waits."""
        spec, policy = configuration.gateway.spec.store, configuration.gateway.spec.policy
        password = self._password(spec)
        identity = (spec, retention_of(policy), password)
        if identity == self._identity:
            return
        self._identity = identity
        if spec.managed is not None:
            logger.warning("store.managed needs the operator: this gateway stands alone and keeps its state in memory")
            opened: Store = MemoryStore(retention_of(policy))
        else:
            opened = open_store(spec, policy, password=password)
        self._retire(self.current)
        self.current = opened

    async def close(self) -> None:
        """Closes what is open; what is queued gets one last try."""
        closing = list(self._closing)
        for task in closing:
            task.cancel()
        await asyncio.gather(*closing, return_exceptions=True)
        await self.current.close()

    def _password(self, spec: StoreSpec) -> str | None:
        reference = spec.external.credential_ref if spec.external else None
        return self._secrets.value(reference.name, reference.key or "password") if reference else None

    def _retire(self, store: Store) -> None:
        task = asyncio.create_task(_close_later(store))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _close_later(store: Store) -> None:
    try:
        await asyncio.sleep(CLOSE_AFTER)
    finally:
        await store.close()
