"""A schedule that lets a whole message arrive as if it were typed: pieces of few words, each after a short pause.

Only for upstreams that give whole messages; the server does the sleeping.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct

from llmgateway_api.policy import Pacing

_WORD = re.compile(r"\s*\S+\s*")
_STEPS = 8


class Piece(Struct, frozen=True):
    """`delay`: seconds to wait before `text` is sent."""

    delay: float
    text: str


def schedule(text: str, pacing: Pacing) -> Iterator[Piece]:
    """Pieces that make up the text, the first at once; one piece where pacing is off.

    Pieces of `words - 1` and `words` words take turns; delays walk evenly through the allowed range, so the same text
    always has the same schedule.
    """
    words = _WORD.findall(text) if pacing.words else []
    if not words:
        if text:
            yield Piece(0.0, text)
        return
    start = number = 0
    while start < len(words):
        length = max(1, pacing.words - number % 2)
        delay = 0.0 if number == 0 else _delay(number, pacing)
        yield Piece(delay, "".join(words[start : start + length]))
        start += length
        number += 1


def _delay(number: int, pacing: Pacing) -> float:
    share = (number * 5 % (_STEPS + 1)) / _STEPS
    return pacing.min_delay + (pacing.max_delay - pacing.min_delay) * share
