"""What a follower gets: the events that follow without a gap, and whether more can come."""

from __future__ import annotations

from collections.abc import Sequence

from llmgateway.storage.records import EventPage, StoredEvent


def page_after(after: int, found: Sequence[StoredEvent], *, last_event: int, is_closed: bool) -> EventPage:
    """`found`: what the log still holds above `after`, in order; `last_event`: the highest number ever written.

    A lost event ends the page before the gap: a client that is resumed over a gap would show a wrong answer. So would
    one that saw events which a crash kept from the log."""
    events: list[StoredEvent] = []
    expected = after + 1
    for event in found:
        if event.number != expected:
            break
        events.append(event)
        expected += 1
    is_cut = expected <= last_event or (is_closed and after > last_event)
    return EventPage(events, is_closed=is_closed and not is_cut, is_cut=is_cut)
