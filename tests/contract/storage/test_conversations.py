"""Conversations: what every store must do (S1, S3)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmgateway.storage.port import Store
from llmgateway.storage.records import Retention, Turn

from .conftest import Backend

pytestmark = pytest.mark.behaviour("S1", "S3")


def turn(name: str, at: float = 1000.0, **more: Any) -> Turn:
    return Turn(id=name, at=at, messages=[{"role": "user", "content": f"ask {name}"}, answer(name)], **more)


def answer(name: str) -> dict[str, Any]:
    return {"role": "assistant", "content": f"say {name}"}


async def test_a_conversation_is_its_turns_in_the_order_in_which_they_were_appended(store: Store) -> None:
    for number in range(30):
        await store.conversations.append("ann", "c", turn(str(number), at=1000.0 + number))
    found = await store.conversations.read("ann", "c")
    assert found is not None
    assert [each.id for each in found.turns] == [str(number) for number in range(30)]
    assert [message["content"] for message in found.messages[:4]] == ["ask 0", "say 0", "ask 1", "say 1"]
    assert (found.created, found.updated) == (1000.0, 1029.0)


async def test_a_message_comes_back_as_it_was_whatever_its_text(store: Store) -> None:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": '{"x": 1e400, "y": []}'}}],
        "empty": [],
        "nothing": {},
        "big": 9007199254740993,
        "text": "line\nfeed \u2028 \u0000 {braces} 🜚 'quotes\"",
    }
    await store.conversations.append(
        "ann", "c", Turn(id="t", at=1.5, messages=[message], dialect="messages", model="m")
    )
    found = await store.conversations.read("ann", "c")
    assert found is not None
    assert found.turns == [Turn(id="t", at=1.5, messages=[message], dialect="messages", model="m")]


async def test_a_turn_that_is_appended_again_is_stored_once(store: Store) -> None:
    await store.conversations.append("ann", "c", turn("a"))
    await store.conversations.append("ann", "c", turn("b"))
    await store.conversations.append("ann", "c", turn("a"))
    found = await store.conversations.read("ann", "c")
    assert found is not None
    assert [each.id for each in found.turns] == ["a", "b"]


async def test_another_owners_conversation_is_absent(store: Store) -> None:
    await store.conversations.append("ann", "c", turn("a"))
    assert await store.conversations.read("bob", "c") is None
    assert await store.conversations.delete("bob", "c") is False
    assert (await store.conversations.page("bob")).items == []
    await store.conversations.append("bob", "c", turn("b"))
    found = await store.conversations.read("ann", "c")
    assert found is not None
    assert [each.id for each in found.turns] == ["a"]


@pytest.mark.parametrize(
    ("first", "second"),
    [(("a", "b:c"), ("a:b", "c")), (("", "x"), ("x", "")), (("{a}", "b"), ("a", "{b}")), (("a%3A", "b"), ("a:", "b"))],
)
async def test_names_of_any_characters_stay_apart(
    store: Store, first: tuple[str, str], second: tuple[str, str]
) -> None:
    await store.conversations.append(*first, turn("first"))
    assert await store.conversations.read(*second) is None
    await store.conversations.append(*second, turn("second"))
    found = await store.conversations.read(*first)
    assert found is not None
    assert [each.id for each in found.turns] == ["first"]
    assert [each.id for each in (await store.conversations.page(first[0])).items] == [first[1]]


async def test_a_deleted_conversation_is_gone_from_everywhere(store: Store) -> None:
    await store.conversations.append("ann", "c", turn("a"))
    assert await store.conversations.delete("ann", "c") is True
    assert await store.conversations.read("ann", "c") is None
    assert (await store.conversations.page("ann")).items == []
    assert await store.conversations.delete("ann", "c") is False
    await store.conversations.append("ann", "c", turn("b", at=2000.0))
    found = await store.conversations.read("ann", "c")
    assert found is not None
    assert ([each.id for each in found.turns], found.created) == (["b"], 2000.0)


async def test_metadata_is_replaced_and_messages_stay(store: Store) -> None:
    await store.conversations.describe("ann", "c", {"a": "1", "b": "ü"}, 1000.0)
    await store.conversations.append("ann", "c", turn("t", at=1001.0))
    await store.conversations.describe("ann", "c", {"a": "2"}, 1002.0)
    found = await store.conversations.read("ann", "c")
    assert found is not None
    assert found.metadata == {"a": "2"}
    assert (len(found.turns), found.created, found.updated) == (1, 1000.0, 1002.0)
    (summary,) = (await store.conversations.page("ann")).items
    assert (summary.id, summary.metadata, summary.turns) == ("c", {"a": "2"}, 1)
    assert (summary.created, summary.updated) == (1000.0, 1002.0)


async def test_an_older_turn_does_not_turn_the_clock_back(store: Store) -> None:
    await store.conversations.append("ann", "c", turn("a", at=2000.25))
    await store.conversations.append("ann", "c", turn("b", at=1000.0))
    found = await store.conversations.read("ann", "c")
    assert found is not None
    assert (found.created, found.updated) == (2000.25, 2000.25)


@pytest.mark.parametrize("times", [lambda number: 1000.1 + number, lambda _: 1000.1], ids=["apart", "all-at-once"])
async def test_pages_show_every_conversation_once_newest_first(store: Store, times: Any) -> None:
    for number in range(23):
        await store.conversations.append("ann", f"c:{number}%", turn("t", at=times(number)))
    pages, cursor = [], None
    while True:
        page = await store.conversations.page("ann", 5, cursor)
        pages.append(page.items)
        cursor = page.next
        if cursor is None:
            break
    found = [each for items in pages for each in items]
    assert [len(items) for items in pages] == [5, 5, 5, 5, 3]
    assert sorted(each.id for each in found) == sorted(f"c:{number}%" for number in range(23))
    assert [each.updated for each in found] == sorted((each.updated for each in found), reverse=True)


async def test_a_page_that_ends_with_the_last_conversation_has_no_cursor(store: Store) -> None:
    for number in range(4):
        await store.conversations.append("ann", str(number), turn("t", at=1000.0 + number))
    page = await store.conversations.page("ann", 4)
    assert (len(page.items), page.next) == (4, None)


async def test_a_conversation_that_moves_or_goes_does_not_disturb_the_next_page(store: Store) -> None:
    for number in range(6):
        await store.conversations.append("ann", str(number), turn("t", at=1000.0 + number))
    page = await store.conversations.page("ann", 2)
    await store.conversations.append("ann", "4", turn("again", at=2000.0))  # the cursor's own
    await store.conversations.delete("ann", "3")
    rest = await store.conversations.page("ann", 10, page.next)
    assert [each.id for each in page.items + rest.items] == ["5", "4", "2", "1", "0"]


@pytest.mark.parametrize("cursor", ["", "x", "nan/a", "inf/a", "one/a"])
async def test_a_made_up_cursor_is_refused(store: Store, cursor: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the server words the answer
        await store.conversations.page("ann", 2, cursor)


async def test_a_conversation_is_forgotten_after_its_time_and_not_before(backend: Backend) -> None:
    store = backend.open(Retention(conversations=1.0))
    await store.conversations.append("ann", "quiet", turn("a"))
    await store.conversations.append("ann", "busy", turn("a"))
    await asyncio.sleep(0.6)
    await store.conversations.append("ann", "busy", turn("b"))
    await asyncio.sleep(0.6)
    assert await store.conversations.read("ann", "quiet") is None
    assert [each.id for each in (await store.conversations.page("ann")).items] == ["busy"]
    assert await store.conversations.delete("ann", "quiet") is False
    await store.conversations.append("ann", "quiet", turn("c"))
    found = await store.conversations.read("ann", "quiet")
    assert found is not None
    assert [each.id for each in found.turns] == ["c"]


async def test_any_replica_serves_any_conversation(backend: Backend) -> None:
    one, other = backend.open(), backend.open()
    await one.conversations.append("ann", "c", turn("a"))
    await other.conversations.append("ann", "c", turn("b"))
    found = await one.conversations.read("ann", "c")
    assert found is not None
    assert [each.id for each in found.turns] == ["a", "b"]


async def test_concurrent_appends_of_two_replicas_lose_nothing(backend: Backend) -> None:
    replicas = [backend.open(), backend.open()]

    async def write(replica: int) -> None:
        for number in range(25):
            await replicas[replica].conversations.append("ann", "c", turn(f"{replica}/{number}"))

    await asyncio.gather(write(0), write(1))
    found = await replicas[0].conversations.read("ann", "c")
    assert found is not None
    for replica in range(2):
        mine = [each.id for each in found.turns if each.id.startswith(f"{replica}/")]
        assert mine == [f"{replica}/{number}" for number in range(25)]
    assert len(found.turns) == 50


async def test_a_conversation_of_two_megabytes_is_kept(store: Store) -> None:
    big = Turn(id="t", at=1.0, messages=[{"role": "user", "content": "x" * 2_000_000}])
    await store.conversations.append("ann", "c", big)
    found = await store.conversations.read("ann", "c")
    assert found is not None
    assert len(found.messages[0]["content"]) == 2_000_000
