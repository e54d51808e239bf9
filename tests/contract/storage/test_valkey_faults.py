"""What happens to requests while a real Valkey is killed, paused, restarted, full, slow or refuses us (S2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from llmgateway.storage.errors import StoreError, StoreUnavailable
from llmgateway.storage.records import Budget, EventPage, NewResponse, SessionKey, SessionTurn, StoredEvent, Suspension
from llmgateway.storage.resilient import GuardSettings, ResilientStore
from llmgateway.storage.valkey import ValkeyStore
from support.valkey_server import POLICIES, ValkeyServer

from .test_conversations import turn

pytestmark = pytest.mark.behaviour("S2")

QUICK = GuardSettings(max_backoff=0.3)
TIMEOUT = 0.3  # of one try, in seconds
KEY = SessionKey("ann", "s")
Opened = Callable[..., ResilientStore]


@pytest.fixture
async def opened(own_server: ValkeyServer) -> AsyncIterator[Opened]:
    stores = []

    def open_store(settings: GuardSettings = QUICK) -> ResilientStore:
        stores.append(ResilientStore(ValkeyStore(own_server.url, timeout=TIMEOUT), settings))
        return stores[-1]

    yield open_store
    for store in stores:
        await store.close()


@pytest.fixture
def store(opened: Opened) -> ResilientStore:
    return opened()


async def append(store: ResilientStore, first: int, last: int, conversation: str = "c") -> None:
    for number in range(first, last):
        await store.conversations.append("ann", conversation, turn(str(number)))


async def turns(store: ResilientStore, conversation: str = "c") -> list[str]:
    found = await store.conversations.read("ann", conversation)
    return [each.id for each in found.turns] if found else []


def numbers(first: int, last: int) -> list[str]:
    return [str(number) for number in range(first, last)]


async def until_ok(store: ResilientStore, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while store.health().state != "ok":
            await asyncio.sleep(0.02)


async def test_while_it_is_dead_requests_go_on_and_what_they_wrote_is_stored_afterwards(
    store: ResilientStore, own_server: ValkeyServer
) -> None:
    await append(store, 0, 3)
    own_server.kill()
    await append(store, 3, 50)
    health = store.health()
    assert (health.state, health.queued, health.dropped) == ("degraded", 47, 0)
    assert health.since is not None
    assert health.queued_bytes > 0
    with pytest.raises(StoreUnavailable):
        await turns(store)
    own_server.start()
    await until_ok(store)
    assert await turns(store) == numbers(3, 50)  # it kept nothing of what it had before
    assert store.health().queued == 0


async def test_after_a_restart_scripts_are_there_again(store: ResilientStore, own_server: ValkeyServer) -> None:
    await append(store, 0, 1)
    own_server.restart()
    await append(store, 1, 2)
    await until_ok(store)
    await append(store, 2, 3)
    assert await turns(store) == numbers(1, 3)


async def test_what_a_hung_server_had_in_its_ears_is_not_stored_twice(
    store: ResilientStore, own_server: ValkeyServer
) -> None:
    await append(store, 0, 1)
    await store.sessions.note(KEY, "pod", SessionTurn(id="0", at=1.0, counters={"turns": 1}))
    own_server.pause()
    await append(store, 1, 6)  # it gets the first of these several times, and answers none
    await store.sessions.note(KEY, "pod", SessionTurn(id="1", at=1.0, counters={"turns": 1}))
    assert store.health().state == "degraded"
    own_server.resume()
    await until_ok(store)
    assert await turns(store) == numbers(0, 6)
    session = await store.sessions.read(KEY)
    assert session is not None
    assert session.counters == {"turns": 2}


async def test_a_hung_server_holds_up_the_first_requests_only(store: ResilientStore, own_server: ValkeyServer) -> None:
    own_server.pause()
    await asyncio.gather(*(append(store, number, number + 1) for number in range(100)))
    async with asyncio.timeout(TIMEOUT):  # less than a single try would take
        await append(store, 100, 200)
        for _ in range(100):
            with pytest.raises(StoreUnavailable):
                await turns(store)
    own_server.resume()
    await until_ok(store)
    assert sorted(await turns(store), key=int) == numbers(0, 200)
    assert (await turns(store))[100:] == numbers(100, 200)


async def test_a_slow_server_is_no_reason_to_degrade(store: ResilientStore, own_server: ValkeyServer) -> None:
    await append(store, 0, 1)
    for number in range(1, 4):
        own_server.stall(TIMEOUT / 3)
        await append(store, number, number + 1)
    assert store.health().state == "ok"
    assert await turns(store) == numbers(0, 4)


async def test_a_stall_longer_than_all_tries_loses_nothing(store: ResilientStore, own_server: ValkeyServer) -> None:
    await append(store, 0, 1)
    own_server.stall(TIMEOUT * 6)
    await append(store, 1, 5)
    assert store.health().state == "degraded"
    await until_ok(store)
    assert await turns(store) == numbers(0, 5)


async def test_a_store_that_is_away_at_the_start_is_found_later(
    store: ResilientStore, own_server: ValkeyServer
) -> None:
    own_server.kill()
    await append(store, 0, 2)
    with pytest.raises(StoreUnavailable):
        await store.processes.begin("pod", 1.0)
    own_server.start()
    await until_ok(store)
    assert await turns(store) == numbers(0, 2)
    assert await store.processes.begin("pod", 1.0) is None


async def test_it_goes_away_again_and_again(store: ResilientStore, own_server: ValkeyServer, tmp_path: Path) -> None:
    with ValkeyServer(tmp_path / "persistent", persistent=True) as server:
        lasting = ResilientStore(ValkeyStore(server.url, timeout=TIMEOUT), QUICK)
        for round_number in range(4):
            server.kill()
            await append(lasting, round_number * 10, round_number * 10 + 5)
            server.start()
            await append(lasting, round_number * 10 + 5, round_number * 10 + 10)
        await until_ok(lasting)
        assert await turns(lasting) == numbers(0, 40)
        assert lasting.health().dropped == 0
        await lasting.close()


async def test_the_queue_is_bounded_and_the_oldest_writes_go_first(opened: Opened, own_server: ValkeyServer) -> None:
    store = opened(GuardSettings(max_backoff=0.3, queue=5))
    own_server.kill()
    await append(store, 0, 12)
    assert (store.health().queued, store.health().dropped) == (5, 7)
    own_server.start()
    await until_ok(store)
    assert await turns(store) == numbers(7, 12)
    assert (store.health().queued, store.health().dropped) == (0, 7)


async def test_the_queue_is_bounded_in_bytes_as_well(opened: Opened, own_server: ValkeyServer) -> None:
    store = opened(GuardSettings(max_backoff=0.3, queue_bytes=1000))
    own_server.kill()
    await append(store, 0, 50)
    health = store.health()
    assert health.queued_bytes <= 1000
    assert 0 < health.queued < 10
    assert health.queued + health.dropped == 50


@pytest.mark.parametrize("policy", POLICIES)
async def test_full_to_maxmemory_it_goes_on(store: ResilientStore, own_server: ValkeyServer, policy: str) -> None:
    await append(store, 0, 5)
    await append(store, 0, 5, "other")
    own_server.fill(policy)
    for number in range(5, 40):
        big = turn(str(number), model="x" * 20_000)
        await store.conversations.append("ann", "c", big)
    if policy == "noeviction":
        assert store.health().state == "degraded"
        assert 20 < store.health().queued <= 35
        assert await turns(store, "other") == numbers(0, 5)  # what it has can still be read,
        with pytest.raises(StoreUnavailable):
            await turns(store)  # but not what it has in part
        own_server.make_room()
        await until_ok(store)
        assert await turns(store) == numbers(0, 40)
    else:
        assert store.health().state == "ok"
        own_server.make_room()  # or the answers read below, held in memory for their reader, evict more in between
        assert (await turns(store))[-1:] in ([], ["39"])
        assert await turns(store, "other") in ([], numbers(0, 5))  # whole, or gone
        listed = (await store.conversations.page("ann")).items
        assert {each.id: each.turns for each in listed}.items() <= {
            "c": len(await turns(store)), "other": 5
        }.items()  # fmt: skip


async def test_a_full_server_still_tells_what_it_knows_of_a_session(
    store: ResilientStore, own_server: ValkeyServer
) -> None:
    await store.sessions.note(KEY, "pod", SessionTurn(id="0", at=1.0, counters={"turns": 1}))
    own_server.fill("noeviction")
    begun = await store.sessions.begin(KEY, "pod", 2.0)
    assert begun.known is not None
    assert begun.known.counters == {"turns": 1}


async def test_a_server_that_forgot_our_scripts_is_given_them_again(
    store: ResilientStore, own_server: ValkeyServer
) -> None:
    await store.sessions.note(KEY, "pod", SessionTurn(id="0", at=1.0, counters={"turns": 1}))
    with own_server.client() as client:
        client.script_flush()
    begun = await store.sessions.begin(KEY, "pod", 2.0)
    assert begun.known is not None
    with own_server.client() as client:
        client.script_flush()
    await store.sessions.note(KEY, "pod", SessionTurn(id="1", at=3.0, counters={"turns": 1}))
    found = await store.sessions.read(KEY)
    assert found is not None
    assert (found.counters, store.health().state) == ({"turns": 2}, "ok")


async def test_every_key_expires_so_that_volatile_policies_can_evict_it(
    store: ResilientStore, own_server: ValkeyServer
) -> None:
    await append(store, 0, 1)
    await store.conversations.describe("ann", "d", {}, 1.0)
    await store.responses.create("ann", NewResponse(id="r", at=1.0, document={}, input_items=[], process="pod"))
    await store.responses.append_events("ann", "r", [StoredEvent(0, b"x")])
    await store.sessions.begin(KEY, "pod", 1.0)
    await store.sessions.note(KEY, "pod", SessionTurn(id="0", at=1.0))
    await store.sessions.suspend(KEY, Suspension("stop", 1.0))
    await store.limits.charge("ann", [Budget("requests", 10, 60)])
    await store.processes.begin("pod", 1.0)
    with own_server.client() as client:
        keys = list(client.scan_iter())
        assert len(keys) == 12
        assert [key for key in keys if client.pttl(key) <= 0] == []


async def test_events_and_their_end_wait_in_order_and_as_one_write(
    store: ResilientStore, own_server: ValkeyServer
) -> None:
    own_server.kill()
    await store.responses.create("ann", NewResponse(id="r", at=1.0, document={}, input_items=[]))
    for number in range(500):
        assert await store.responses.append_events("ann", "r", [StoredEvent(number, b"data")]) is True
    assert await store.responses.append_events("ann", "r", []) is True
    assert await store.responses.finish("ann", "r", "completed", {"done": 1}, [StoredEvent(500, b"end")]) is True
    assert store.health().queued == 3
    own_server.start()
    await until_ok(store)
    page = await store.responses.wait_events("ann", "r", 498, 5)
    assert page == EventPage([StoredEvent(499, b"data"), StoredEvent(500, b"end")], is_closed=True)


async def test_a_follower_is_told_when_the_store_goes_away(store: ResilientStore, own_server: ValkeyServer) -> None:
    await store.responses.create("ann", NewResponse(id="r", at=1.0, document={}, input_items=[]))
    waiting = asyncio.create_task(store.responses.wait_events("ann", "r", -1, 30))
    await asyncio.sleep(0.1)
    own_server.kill()
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(waiting, 10)


async def test_a_log_that_lost_events_is_cut_and_not_resumed_over_the_gap(
    store: ResilientStore, own_server: ValkeyServer
) -> None:
    await store.responses.create("ann", NewResponse(id="r", at=1.0, document={}, input_items=[]))
    await store.responses.append_events("ann", "r", [StoredEvent(0, b"a"), StoredEvent(1, b"b"), StoredEvent(5, b"f")])
    page = await store.responses.wait_events("ann", "r", -1, 5)
    assert page == EventPage([StoredEvent(0, b"a"), StoredEvent(1, b"b")], is_cut=True)
    with own_server.client() as client:
        client.delete("llmgateway:{response:ann:r}:events")
    assert await store.responses.wait_events("ann", "r", 0, 5) == EventPage([], is_cut=True)


async def test_budgets_are_counted_by_each_replica_alone_meanwhile(
    store: ResilientStore, own_server: ValkeyServer
) -> None:
    budget = Budget("requests", 3, 365 * 86_400)
    assert not (await store.limits.charge("ann", [budget])).is_local
    own_server.kill()
    charges = [await store.limits.charge("ann", [budget]) for _ in range(5)]
    assert [(charge.allowed, charge.is_local) for charge in charges] == [(True, True)] * 3 + [(False, True)] * 2


async def test_a_wrong_password_is_reported_without_saying_it(own_server: ValkeyServer) -> None:
    with own_server.client() as client:
        client.config_set("requirepass", "right-secret")
        store = ResilientStore(ValkeyStore(own_server.url, "wrong-secret", timeout=TIMEOUT), QUICK)
        await append(store, 0, 1)
        assert (store.health().state, store.health().queued) == ("degraded", 1)
        assert "password" in store.health().reason
        assert "secret" not in repr(store.health())
        client.config_set("requirepass", "wrong-secret")  # as after a rotation on the server's side
        await until_ok(store)
        assert await turns(store) == ["0"]
        await store.close()


async def test_a_write_that_can_never_be_stored_does_not_block_those_behind_it(
    store: ResilientStore, own_server: ValkeyServer
) -> None:
    own_server.kill()
    await append(store, 0, 1, "poisoned")
    await append(store, 0, 1)
    own_server.start()
    with own_server.client() as client:
        client.set("llmgateway:{owner:ann}:conversation:poisoned", "no hash")
        await until_ok(store)
    assert await turns(store) == ["0"]
    assert store.health().dropped == 1
    with pytest.raises(StoreError):
        await turns(store, "poisoned")


async def test_a_store_that_closes_gives_its_queue_a_last_try(opened: Opened, own_server: ValkeyServer) -> None:
    slow = opened(GuardSettings(max_backoff=60))
    own_server.kill()
    await append(slow, 0, 3)
    await asyncio.sleep(1)  # until the next try is far away
    own_server.start()
    await slow.close()
    assert await turns(opened()) == numbers(0, 3)


@pytest.mark.parametrize("ask", [
    lambda store: store.conversations.read("ann", "c"),
    lambda store: store.conversations.page("ann"),
    lambda store: store.conversations.delete("ann", "c"),
    lambda store: store.responses.read("ann", "r"),
    lambda store: store.responses.wait_events("ann", "r", 0, 1),
    lambda store: store.sessions.begin(KEY, "pod", 1.0),
    lambda store: store.processes.claim_silent(1.0),
    lambda store: store.ping(),
])  # fmt: skip
async def test_what_only_the_store_knows_fails_with_one_exception(
    store: ResilientStore, own_server: ValkeyServer, ask: Callable[[ResilientStore], Awaitable[object]]
) -> None:
    own_server.kill()
    with pytest.raises(StoreUnavailable):
        await ask(store)
    await store.processes.beat("pod", 1.0)  # these raise nothing
    await store.processes.end("pod")
    await store.limits.settle("ann", "tokens", 0, 1)
