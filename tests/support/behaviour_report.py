"""`make behaviours`: how many tests each row of the behaviour list has; exit 1 when a row has none."""

from __future__ import annotations

import contextlib
import io
import sys
from collections import Counter

import pytest

from support.behaviours import BEHAVIOURS


class _Collected:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            self.counts.update({row for mark in item.iter_markers("behaviour") for row in mark.args})


def main() -> int:
    """Prints a line per row."""
    collected = _Collected()
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        code = pytest.main(["--collect-only", "-q", "tests"], plugins=[collected])
    if code != 0:
        print(printed.getvalue()[-3000:], file=sys.stderr)
        return 1
    for row, sentence in BEHAVIOURS.items():
        print(f"{row:4} {collected.counts[row]:5}  {sentence}")
    untested = [row for row in BEHAVIOURS if not collected.counts[row]]
    unknown = sorted(set(collected.counts) - set(BEHAVIOURS))
    print(f"rows without a test: {', '.join(untested) or 'none'}")
    if unknown:
        print(f"ids that no row has: {', '.join(unknown)}")
    return 1 if untested or unknown else 0


if __name__ == "__main__":
    sys.exit(main())
