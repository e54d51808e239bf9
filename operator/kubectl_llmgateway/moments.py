"""Times of the API (RFC 3339) and spans for humans."""

from __future__ import annotations

import datetime
from typing import Final

_UNITS: Final = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def moment(text: str | None) -> datetime.datetime | None:
    """None for what is no time."""
    try:
        parsed = datetime.datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return parsed if parsed is None or parsed.tzinfo else parsed.replace(tzinfo=datetime.UTC)


def as_text(when: datetime.datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return when.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def span(seconds: float) -> str:
    """The two largest units that differ from zero in front: `3h12m`, `45s`, `12d`."""
    rest = int(abs(seconds))
    parts: list[str] = []
    for unit, size in _UNITS:
        amount, rest = divmod(rest, size)
        if amount or parts:
            parts.append(f"{amount}{unit}" if amount else "")
        if len(parts) == 2:
            break
    return "".join(parts) or "0s"


def ago_or_ahead(when: datetime.datetime, now: datetime.datetime) -> str:
    """`48m ago` or `in 3h12m`."""
    seconds = (when - now).total_seconds()
    return f"in {span(seconds)}" if seconds > 0 else f"{span(seconds)} ago"
