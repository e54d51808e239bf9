"""The queue of writes that wait: a model of it is a plain list."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from llmgateway.storage.resilient.write_queue import Write, WriteQueue
from llmgateway.wire import json_codec


async def nothing() -> None:
    """Makes no write."""


def write(subject: str, payload: Any = "") -> Write:
    return Write((subject,), nothing, payload)


def names(queue: WriteQueue) -> list[Any]:
    taken = []
    while queue:
        [write] = queue.take()
        taken.append(write.payload)
        queue.done(write)
    return taken


def test_writes_leave_in_the_order_in_which_they_came() -> None:
    queue = WriteQueue(10, 1000)
    for number in range(5):
        queue.add(write("a", number))
    assert names(queue) == [0, 1, 2, 3, 4]
    assert (len(queue), queue.bytes, queue.concerns(("a",))) == (0, 0, False)


def test_a_write_that_failed_goes_back_to_the_front() -> None:
    queue = WriteQueue(10, 1000)
    queue.add(write("a", 1))
    queue.add(write("b", 2))
    queue.take()
    assert (len(queue), queue.concerns(("a",))) == (2, True)
    queue.put_back()
    assert names(queue) == [1, 2]


def test_the_oldest_are_lost_and_counted() -> None:
    queue = WriteQueue(3, 1000)
    for number in range(5):
        queue.add(write(str(number), number))
    assert (queue.dropped, queue.concerns(("1",)), names(queue)) == (2, False, [2, 3, 4])


def test_a_write_that_is_being_made_is_lost_when_it_fails_and_the_queue_is_full() -> None:
    queue = WriteQueue(2, 1000)
    for number in range(2):
        queue.add(write("a", number))
    queue.take()
    queue.add(write("a", 2))
    queue.add(write("a", 3))
    queue.put_back()
    assert (queue.dropped, names(queue)) == (2, [2, 3])


def test_a_write_larger_than_the_whole_queue_is_lost_alone() -> None:
    queue = WriteQueue(10, 50)
    queue.add(write("a", "x" * 100))
    assert (len(queue), queue.bytes, queue.dropped) == (0, 0, 1)


def test_more_of_the_same_joins_the_newest_write_on_its_subject() -> None:
    queue = WriteQueue(10, 1000)
    queue.add(write("a", [1]))
    queue.add(write("b", [2]))
    assert queue.extend_last(("a",), [3, 4]) is True
    assert queue.extend_last(("c",), [5]) is False
    queue.add(write("a", "end"))
    assert queue.extend_last(("a",), [6]) is False
    assert names(queue) == [[1, 3, 4], [2], "end"]
    assert queue.bytes == 0


def test_a_write_that_is_being_made_takes_no_more() -> None:
    queue = WriteQueue(10, 1000)
    queue.add(write("a", [1]))
    queue.take()
    assert queue.extend_last(("a",), [2]) is False


def test_writes_on_different_subjects_leave_together_and_those_on_one_in_order() -> None:
    queue = WriteQueue(10, 1000)
    for subject, payload in (("a", 1), ("a", 2), ("b", 3), ("c", 4), ("b", 5), ("d", 6)):
        queue.add(write(subject, payload))
    first, second, third = queue.take(3)
    assert [first.payload, second.payload, third.payload] == [1, 3, 4]
    queue.done(second)
    queue.lost(third)
    queue.put_back()
    assert (len(queue), queue.dropped, queue.concerns(("c",))) == (4, 1, False)
    assert names(queue) == [1, 2, 5, 6]


steps = st.lists(st.sampled_from(["add", "done", "put_back", "lost"]), max_size=60)


@given(steps, st.integers(1, 6), st.integers(5, 60))
def test_it_behaves_as_a_bounded_list(history: list[str], most: int, most_bytes: int) -> None:
    queue, model, dropped = WriteQueue(most, most_bytes), list[str](), 0
    for number, step in enumerate(history):
        if step == "add":
            model.append("x" * (number % 7))
            queue.add(write("s", model[-1]))
        elif model:
            [taken] = queue.take()
            getattr(queue, step)(*([] if step == "put_back" else [taken]))
            if step != "put_back":
                del model[0]
                dropped += step == "lost"
        while len(model) > most or sum(len(json_codec.encode(each)) for each in model) > most_bytes:
            del model[0]
            dropped += 1
        assert (len(queue), queue.dropped) == (len(model), dropped)
        assert queue.concerns(("s",)) == bool(model)
    assert names(queue) == model
