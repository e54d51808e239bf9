"""Memory of a managed store: always below the limit, with room for a fork."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway_api import ManagedStore
from llmgateway_operator.desired.store_memory import MIB, OVERHEAD, store_memory


def managed(**fields: Any) -> ManagedStore:
    return ManagedStore.parse(fields)


@pytest.mark.behaviour("O1")
@pytest.mark.parametrize(
    ("mode", "maxmemory"), [("None", int(448 * MIB / 1.25)), ("RDB", 224 * MIB), ("AOF", 224 * MIB)]
)
def test_auto_without_a_limit_means_half_a_gibibyte(mode: str, maxmemory: int) -> None:
    memory = store_memory(managed(persistence={"mode": mode}))
    assert (memory.maxmemory, memory.limit) == (maxmemory, 512 * MIB)


@given(st.integers(70, 100_000), st.sampled_from(["None", "RDB", "AOF"]))
def test_auto_is_always_safe(limit: int, mode: str) -> None:
    memory = store_memory(managed(persistence={"mode": mode}, resources={"limits": {"memory": f"{limit}Mi"}}))
    assert memory.safe
    assert memory.maxmemory < memory.limit - OVERHEAD or limit < 72


@given(st.integers(1, 100_000), st.sampled_from(["None", "RDB", "AOF"]))
def test_an_explicit_maxmemory_without_a_limit_gets_a_safe_one(maxmemory: int, mode: str) -> None:
    memory = store_memory(managed(maxmemory=f"{maxmemory}Mi", persistence={"mode": mode}))
    assert memory.maxmemory == maxmemory * MIB
    assert memory.safe
    assert memory.limit == memory.needed


def test_an_explicit_pair_without_room_for_a_fork_is_unsafe() -> None:
    pair = {"maxmemory": "400Mi", "resources": {"limits": {"memory": "600Mi"}}}
    assert store_memory(managed(**pair)).safe
    assert not store_memory(managed(**pair, persistence={"mode": "RDB"})).safe
