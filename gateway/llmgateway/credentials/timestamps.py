"""Times: seconds since 1970 inside, RFC 3339 in UTC on the outside."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final

_NUMBER: Final = re.compile(r"[0-9]{1,15}(\.[0-9]+)?")
_LAST_SECOND: Final = 1e11  # the year 5138; larger numbers are milliseconds


def to_text(seconds: float) -> str:
    """`2026-01-01T00:00:00Z`, cut to whole seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def from_text(text: str) -> float | None:
    """RFC 3339, or a number of seconds or milliseconds since 1970; None when it is neither."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return from_number(float(text))
    try:
        moment = datetime.fromisoformat(text)
        return moment.timestamp() if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def from_number(number: float) -> float:
    """Seconds since 1970, from seconds or milliseconds."""
    return number / 1000 if number > _LAST_SECOND else number
