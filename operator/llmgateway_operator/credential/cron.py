"""Cron schedules in UTC: the shifted minute, and the first time after a moment."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Final

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_RANGES: Final = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_LONGEST_LOOK: Final = 366 * 4 + 1  # days; 29 February comes within


def spread(schedule: str, uid: str) -> str:
    """The minute 0 becomes one that the UID chooses: not every credential knocks at the full hour."""
    minute, *rest = schedule.split()
    if minute == "0":
        minute = str(int(hashlib.sha256(uid.encode()).hexdigest(), 16) % 60)
    return " ".join((minute, *rest))


def next_time(schedule: str, after: datetime) -> datetime | None:
    """The first minute later than `after`; None when there is none within four years.

    As cron does: where both day fields are restricted, either of them is enough."""
    minutes, hours, days, months, weekdays = (_values(field, index) for index, field in enumerate(schedule.split()))
    fields = schedule.split()
    either = not fields[2].startswith("*") and not fields[4].startswith("*")
    start = after.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    for offset in range(_LONGEST_LOOK):
        day = (start + timedelta(days=offset)).replace(hour=0, minute=0)
        matches = (day.day in days, (day.weekday() + 1) % 7 in {each % 7 for each in weekdays})
        if day.month not in months or not (any(matches) if either else all(matches)):
            continue
        for hour in sorted(hours):
            for minute in sorted(minutes):
                found = day.replace(hour=hour, minute=minute)
                if found >= start:
                    return found
    return None


def _values(field: str, index: int) -> set[int]:
    low, high = _RANGES[index]
    values: set[int] = set()
    for item in field.lower().split(","):
        span, _, step = item.partition("/")
        first, dash, last = span.partition("-")
        if span == "*":
            begin, end = low, high
        else:
            begin = _number(first, index)
            end = _number(last, index) if dash else (high if step else begin)
        values |= set(range(begin, end + 1, int(step or 1) or 1))
    return values


def _number(text: str, index: int) -> int:
    if index == 3 and text in _MONTHS:
        return _MONTHS.index(text) + 1
    if index == 4 and text in _DAYS:
        return _DAYS.index(text)
    return int(text)
