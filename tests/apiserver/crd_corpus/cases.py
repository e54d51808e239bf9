"""The corpus of documents that must be accepted or refused, judged by `llmgateway check` and by the API server alike.

A refused document begins with comments: `expect` is a part of the message, `at` the field path that the Python types
report. Where the schema refuses, the two judges have words of their own: `expect from check` is Python's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent
EXAMPLES: Final = FOLDER.parents[2] / "examples"


@dataclass(frozen=True)
class Refused:
    """A document that both judges refuse."""

    path: Path
    at: str
    """The field path in `check`'s answer; empty: the document as a whole."""
    by_check: str
    """Part of `check`'s message."""
    by_api_server: str
    """Part of the API server's message."""

    @property
    def name(self) -> str:
        return self.path.stem


def accepted() -> list[Path]:
    return sorted((FOLDER / "accept").glob("*.yaml"))


def examples() -> list[Path]:
    return sorted(EXAMPLES.glob("*.yaml"))


def refused() -> list[Refused]:
    return [_refused(path) for path in sorted((FOLDER / "reject").glob("*.yaml"))]


def _refused(path: Path) -> Refused:
    comments = dict(re.findall(r"^# ([a-z ]+): ?(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE))
    expected = comments["expect"]
    return Refused(path, comments["at"], comments.get("expect from check", expected), expected)
