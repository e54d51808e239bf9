"""A tree of lines for a terminal: glyphs everywhere, colour only where it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final


class State(Enum):
    """How a line stands: its mark, its mark without Unicode, its colour (SGR)."""

    GOOD = ("✓", "+", "32")
    BAD = ("✗", "x", "31")
    BUSY = ("…", "~", "33")
    WARNING = ("!", "!", "33")
    PLAIN = ("", "", "")


@dataclass(frozen=True)
class Branch:
    """One line and what stands below it."""

    text: str
    state: State = State.PLAIN
    below: tuple[Branch, ...] = ()


@dataclass(frozen=True)
class Style:
    """What the terminal can show."""

    colour: bool = False
    unicode: bool = True


_UNICODE: Final = ("├─ ", "└─ ", "│  ", "   ")
_ASCII: Final = ("|- ", "`- ", "|  ", "   ")


def rendered(root: Branch, style: Style) -> str:
    """Lines, each ended."""
    return "".join(f"{line.rstrip()}\n" for line in _lines(root, "", "", style))


def _lines(branch: Branch, first: str, others: str, style: Style) -> Iterator[str]:
    yield first + _marked(branch, style)
    tee, corner, bar, blank = _UNICODE if style.unicode else _ASCII
    for each in branch.below:
        last = each is branch.below[-1]
        yield from _lines(each, others + (corner if last else tee), others + (blank if last else bar), style)


def _marked(branch: Branch, style: Style) -> str:
    mark, ascii_mark, colour = branch.state.value
    words = f"{mark if style.unicode else ascii_mark} {branch.text}" if mark else branch.text
    return f"\x1b[{colour}m{words}\x1b[0m" if style.colour and colour else words
