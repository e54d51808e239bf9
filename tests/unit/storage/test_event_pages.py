"""Pages of an event log."""

from __future__ import annotations

import pytest

from llmgateway.storage.event_pages import page_after
from llmgateway.storage.records import EventPage, StoredEvent


def run(*numbers: int) -> list[StoredEvent]:
    return [StoredEvent(number, b"x") for number in numbers]


@pytest.mark.parametrize(
    ("after", "found", "last", "is_closed", "page"),
    [
        (-1, run(0, 1), 1, False, EventPage(run(0, 1))),
        (-1, run(0, 1), 1, True, EventPage(run(0, 1), is_closed=True)),
        (1, [], 1, True, EventPage([], is_closed=True)),
        (-1, [], -1, False, EventPage([])),
        (-1, run(0, 2), 2, True, EventPage(run(0), is_cut=True)),
        (-1, run(1, 2), 2, False, EventPage([], is_cut=True)),
        (0, [], 3, True, EventPage([], is_cut=True)),
        (0, run(1, 2), 1, False, EventPage(run(1, 2))),
        (9, [], 3, False, EventPage([])),
    ],
)
def test_a_page_ends_where_an_event_is_missing(
    after: int, found: list[StoredEvent], last: int, is_closed: bool, page: EventPage
) -> None:
    assert page_after(after, found, last_event=last, is_closed=is_closed) == page
