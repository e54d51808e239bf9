"""The running gateway: the current snapshot, and what renews it: changed files, changed Secrets, discovery."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmgateway.credentials.secret_store import SecretStore
from llmgateway.server.backend_pool import BackendPool, MakeTransport, make_transport
from llmgateway.server.client_access import ClientAccess
from llmgateway.server.client_keys import ClientKeys
from llmgateway.server.configuration_file import (
    EMBEDDED_DEFAULT,
    Configuration,
    InvalidConfiguration,
    parse_configuration,
)
from llmgateway.server.crash_recovery import BEAT_EVERY, CrashRecovery
from llmgateway.server.credential_renewal import CredentialRenewal
from llmgateway.server.services import Services
from llmgateway.server.snapshot import Snapshot
from llmgateway.server.store_holder import StoreHolder
from llmgateway.server.worker_metrics import WorkerMetrics
from llmgateway.telemetry.metrics import Metrics
from llmgateway.upstreams.backend import Backend
from llmgateway.upstreams.discovery import ServedModels, discover
from llmgateway_api.documents import ApiError

if TYPE_CHECKING:
    from llmgateway.server.client_tokens import ClientTokens

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.5
"""A change takes effect within 2 s. Contents are compared: mounted files are swapped by symbolic links, and file
notifications miss that on some file systems."""


class Runtime:
    """Holds the current snapshot; `start` and `close` are called inside the event loop."""

    def __init__(
        self,
        file: Path | None = None,
        secrets_folder: Path | None = None,
        *,
        metrics: Metrics | None = None,
        transport: MakeTransport = make_transport,
        process: str = "",
        stand_alone: bool = False,
        workers: WorkerMetrics | None = None,
    ) -> None:
        self._file = file
        self._workers = workers
        self.metrics = metrics or Metrics()
        self.secrets = SecretStore(secrets_folder)
        self._pool = BackendPool(self.secrets, transport)
        self._text = ""
        self._tasks: list[asyncio.Task[None]] = []
        self.errors: list[ApiError] = []
        self.served: dict[str, ServedModels] = {}
        self.draining = False
        self._tokens: ClientTokens | None = None
        self._stores = StoreHolder(self.secrets)
        self.services = Services(self._stores, process or socket.gethostname())
        self._renewal = CredentialRenewal(self.secrets) if stand_alone else None
        self._recovery = CrashRecovery(self.services.process)
        self.snapshot: Snapshot

    @property
    def revision(self) -> str:
        """The first 12 hexadecimal digits of the SHA-256 of the configuration in use."""
        return hashlib.sha256(self._text.encode()).hexdigest()[:12]

    async def start(self) -> None:
        """Reads the configuration and begins to watch. Raises InvalidConfiguration and OSError."""
        text = self._read()
        self._adopt(parse_configuration(text), text)
        await self._recovery.begin(self.services.store)
        if self._workers is not None:
            await self._workers.open(self._own_exposition)
        loops = [self._watch(), self._discover(), self._beat()]
        if self._renewal is not None:
            await self._renewal.look()
            loops.append(self._renewal.run())
        self._tasks = [asyncio.create_task(loop) for loop in loops]

    async def close(self) -> None:
        """Ends the watching and closes the pools."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.services.background.drain()
        await self._recovery.end(self.services.store)
        await self._stores.close()
        await self._pool.close()
        if self._workers is not None:
            await self._workers.close()

    async def exposition(self) -> bytes:
        """The text of `GET /metrics`: of this process, or of all workers."""
        own = self._own_exposition()
        return own if self._workers is None else await self._workers.exposition(own)

    def _own_exposition(self) -> bytes:
        self.metrics.note_store(self.services.store.health())
        return self.metrics.exposition()

    def health(self) -> dict[str, Any]:
        """The document of `GET /health`."""
        now = time.monotonic()
        backends = {name: self._backend_health(backend, now) for name, backend in self.snapshot.backends.items()}
        store = self.services.store.health()
        well = (
            not self.errors and store.state == "ok" and all(each["circuit"] == "closed" for each in backends.values())
        )
        configuration = {"revision": self.revision, "valid": not self.errors, "errors": [str(e) for e in self.errors]}
        return {
            "status": "ok" if well else "degraded",
            "configuration": configuration,
            "backends": backends,
            "store": {"state": store.state, "reason": store.reason, "queued": store.queued, "dropped": store.dropped},
        }

    def _backend_health(self, backend: Backend, now: float) -> dict[str, Any]:
        served = self.served.get(backend.name)
        health: dict[str, Any] = {
            "type": backend.type,
            "circuit": backend.circuit.state(now),
            "credential": backend.credential_state,
            "models": None if served is None else [model.id for model in served.models],
            "inFlight": backend.in_flight,
        }
        told = getattr(backend.transport, "health", None)  # only pools of agent sessions tell more
        return health if told is None else {**health, "sessions": told()}

    def look(self) -> None:
        """Takes over what changed in the files; an invalid change is refused and the old one stays."""
        secrets_changed = self.secrets.reload()
        try:
            text = self._read()
            if text == self._text:
                self._accepted()
                if secrets_changed:
                    self._adopt(self.snapshot.configuration, text)
                return
            self._adopt(parse_configuration(text), text)
        except InvalidConfiguration as error:
            self._refuse(error.errors)
        except (OSError, ValueError) as error:
            self._refuse([ApiError("", f"the configuration can't be used: {error}")])
        else:
            self.metrics.configuration_reloads.labels("accepted").inc()
            logger.info("configuration %s is in use", self.revision)

    def _read(self) -> str:
        return EMBEDDED_DEFAULT if self._file is None else self._file.read_text(encoding="utf-8")

    def _adopt(self, configuration: Configuration, text: str) -> None:
        self.secrets.replace_inline(configuration.secrets)
        self._stores.adopt(configuration)
        if self._renewal is not None:
            self._renewal.adopt(configuration)
        self._recovery.suspend_within = float(configuration.gateway.spec.policy.sessions.suspend_within)
        backends = self._pool.backends_of(configuration)
        self.snapshot = Snapshot(configuration, backends, self._access(configuration), self.served, self._observe)
        self._text = text
        self._accepted()

    def _access(self, configuration: Configuration) -> ClientAccess:
        auth = configuration.gateway.spec.auth
        if auth.open:
            return ClientAccess(ClientKeys(None), None)
        keys = self.secrets.all_of(auth.api_keys.secret_ref.name) if auth.api_keys else None
        if auth.jwt is not None and (self._tokens is None or self._tokens.spec != auth.jwt):
            from llmgateway.server.client_tokens import ClientTokens  # noqa: PLC0415 - it loads two large libraries

            self._tokens = ClientTokens(auth.jwt)
        return ClientAccess(ClientKeys(keys or {}), self._tokens if auth.jwt is not None else None)

    def _accepted(self) -> None:
        self.errors = []
        self.metrics.configuration_valid.set(1)

    def _refuse(self, errors: list[ApiError]) -> None:
        if errors != self.errors:
            self.metrics.configuration_reloads.labels("refused").inc()
            logger.error("the changed configuration is refused, the old one stays: %s", "; ".join(map(str, errors)))
        self.errors = errors
        self.metrics.configuration_valid.set(0)

    def _observe(self, backend: str, result: str) -> None:
        self.metrics.attempts.inc((backend, result))

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            self.look()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_EVERY)
            await self._recovery.beat(self.services.store)

    async def _discover(self) -> None:
        while True:
            await self.discover_once()
            await asyncio.sleep(self.snapshot.configuration.gateway.spec.policy.discovery.interval)

    async def discover_once(self) -> None:
        """Asks every backend what it serves; one that does not answer keeps what it said last."""
        backends = list(self.snapshot.backends.values())
        found = await asyncio.gather(*(discover(backend) for backend in backends))
        for backend, served in zip(backends, found, strict=True):
            if served is not None:
                self.served[backend.name] = served
