"""Tokens from sizes: a ratio of bytes per token, measured at the real usage of earlier answers.

Two values per session (or per model): what was MEASURED, and what is PLANNED with. Plans change in coarse steps only,
because every change moves the places where conversations are cut, and upstream prefix caches with them. Planning never
assumes fewer tokens than were measured.
"""

from __future__ import annotations

from math import ceil

from msgspec import Struct

DEFAULT_RATIO = 3.0
"""Before anything was measured. English has about 4.4 bytes per token, code and JSON about 3: rather too many tokens
than too few."""
LEAST_RATIO, GREATEST_RATIO = 0.5, 8.0
_LEAST_TOKENS = 200
"""Shorter prompts say more about the chat template than about the text."""
_RISE = 0.25
_HEADROOM = 0.95
_WASTE = 1.25


class Ratio(Struct, frozen=True):
    """Bytes of text per token."""

    measured: float | None = None
    planned: float = DEFAULT_RATIO


def measured_ratio(old: float | None, size: int, tokens: int) -> float | None:
    """The ratio after one more prompt of `size` bytes turned out as `tokens` tokens: a lower one counts at once, a
    higher one by a quarter."""
    if tokens < _LEAST_TOKENS or size <= 0:
        return old
    found = min(max(size / tokens, LEAST_RATIO), GREATEST_RATIO)
    return found if old is None or found < old else old + _RISE * (found - old)


def planned_ratio(old: float, measured: float | None) -> float:
    """`old` while it neither falls short of the measured tokens nor wastes a quarter of the window."""
    if measured is None or (measured >= old and measured <= old * _WASTE):
        return old
    return measured * _HEADROOM


def learned(ratio: Ratio, size: int, tokens: int) -> Ratio:
    """Both values after one more prompt."""
    measured = measured_ratio(ratio.measured, size, tokens)
    return Ratio(measured, planned_ratio(ratio.planned, measured))


def tokens_in(size: int, ratio: float) -> int:
    """Tokens of text of this size, rounded up."""
    return ceil(size / min(max(ratio, LEAST_RATIO), GREATEST_RATIO))
