"""Which store a spec gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmgateway.storage.memory import MemoryStore
from llmgateway.storage.opening import open_store, retention_of
from llmgateway.storage.records import Retention
from llmgateway.storage.resilient import ResilientStore
from llmgateway_api.policy import Policy
from llmgateway_api.store import Store as StoreSpec


def spec(**given: object) -> StoreSpec:
    return StoreSpec.model_validate(given)


def test_nothing_asked_for_is_memory() -> None:
    assert isinstance(open_store(spec(), Policy()), MemoryStore)


async def test_a_local_file_is_made_at_first_use(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "state.db"
    store = open_store(spec(local={"path": str(file)}), Policy())
    assert isinstance(store, ResilientStore)
    assert not file.exists()
    await store.ping()
    assert file.exists()
    await store.close()


async def test_a_valkey_that_nobody_runs_is_no_reason_to_fail() -> None:
    store = open_store(spec(external={"url": "redis://127.0.0.1:1/0"}), Policy(), password="x")
    assert store.health().state == "ok"
    await store.close()


async def test_a_managed_store_needs_to_be_told_where_it_is() -> None:
    with pytest.raises(ValueError, match="operator"):
        open_store(spec(managed={}), Policy())
    await open_store(spec(managed={}), Policy(), managed_url="redis://127.0.0.1:1").close()


@pytest.mark.behaviour("S1", "W7")
def test_the_spec_says_how_long_things_are_kept() -> None:
    assert retention_of(Policy()) == Retention(
        conversations=7 * 86_400, responses=7 * 86_400, events=3600, sessions=7200
    )
