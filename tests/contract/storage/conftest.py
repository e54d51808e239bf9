"""One contract for every store: memory, SQLite, Valkey alone, Valkey as a cluster, and Valkey behind `resilient`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from llmgateway.storage.memory import MemoryStore
from llmgateway.storage.port import Store
from llmgateway.storage.records import Retention
from llmgateway.storage.resilient import ResilientStore
from llmgateway.storage.sqlite import SqliteStore
from llmgateway.storage.valkey import ValkeyStore
from support.valkey_server import ValkeyServer

Open = Callable[[], Store]
STORES = ["memory", "sqlite", "valkey", "valkey-cluster", "resilient"]


class Backend:
    """One store's data; `open` gives another replica's view of it."""

    def __init__(self, name: str, open_store: Callable[[Retention], Store]) -> None:
        self.name = name
        self._open = open_store
        self._opened: list[Store] = []

    def open(self, retention: Retention | None = None) -> Store:
        if self.name == "memory" and self._opened:
            return self._opened[0]  # all there is of it is one process
        self._opened.append(self._open(retention or Retention()))
        return self._opened[-1]

    async def close(self) -> None:
        for store in self._opened:
            await store.close()


@pytest.fixture(scope="session")
def valkey_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    with ValkeyServer(tmp_path_factory.mktemp("valkey")) as server:
        yield server


@pytest.fixture(scope="session")
def cluster_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ValkeyServer]:
    with ValkeyServer(tmp_path_factory.mktemp("valkey-cluster"), cluster=True) as server:
        yield server


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[ValkeyServer]:
    """For fault tests: one that a test may kill, pause and fill."""
    with ValkeyServer(tmp_path / "valkey") as server:
        yield server


@pytest.fixture(params=STORES)
async def backend(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Backend]:
    backend = Backend(request.param, _opener(request, tmp_path))
    yield backend
    await backend.close()


@pytest.fixture
def store(backend: Backend) -> Store:
    return backend.open()


def _opener(request: pytest.FixtureRequest, folder: Path) -> Callable[[Retention], Store]:
    name: str = request.param
    if name == "memory":
        return MemoryStore
    if name == "sqlite":
        return lambda retention: SqliteStore(folder / "state.db", retention)
    server: ValkeyServer = request.getfixturevalue("cluster_server" if name == "valkey-cluster" else "valkey_server")
    server.flush()
    if name == "resilient":
        return lambda retention: ResilientStore(ValkeyStore(server.url, retention=retention))
    return lambda retention: ValkeyStore(server.url, retention=retention)
