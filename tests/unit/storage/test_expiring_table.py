"""The dictionary that forgets."""

from __future__ import annotations

from llmgateway.storage.memory.expiring_table import ExpiringTable


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_an_entry_is_forgotten_when_its_time_is_over_and_a_write_starts_it_anew() -> None:
    clock = Clock()
    table: ExpiringTable[str, int] = ExpiringTable(10, clock, 100)
    table.put("a", 1)
    table.put("b", 1)
    clock.now = 9
    table.put("b", 2)
    clock.now = 10
    assert (table.get("a"), table.get("b"), dict(table.items())) == (None, 2, {"b": 2})
    assert table.pop("a") is None


def test_the_longest_unwritten_go_when_it_is_too_heavy() -> None:
    table: ExpiringTable[str, int] = ExpiringTable(10, Clock(), 10)
    table.put("a", 1, 4)
    table.put("b", 1, 4)
    table.put("a", 2, 4)
    table.put("c", 1, 4)
    assert dict(table.items()) == {"a": 2, "c": 1}


def test_an_entry_heavier_than_all_stays_alone() -> None:
    table: ExpiringTable[str, int] = ExpiringTable(10, Clock(), 10)
    table.put("a", 1, 4)
    table.put("b", 2, 40)
    assert dict(table.items()) == {"b": 2}


def test_what_has_expired_weighs_nothing_after_the_next_write() -> None:
    clock = Clock()
    table: ExpiringTable[str, int] = ExpiringTable(10, clock, 100)
    for number in range(50):
        table.put(str(number), number)
    clock.now = 11
    table.put("new", 0)
    assert len(table._rows) == 1
