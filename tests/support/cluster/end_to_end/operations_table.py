"""What became of the streams that ran during each operation: kept as JSON, shown as a table in docs/reliability.md.

python -m support.cluster.end_to_end.operations_table       puts the last run's table into the document
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.cluster.end_to_end.load import Load

PROJECT = Path(__file__).parents[4]
RESULTS = PROJECT / "build" / "operations-under-load.json"
DOCUMENT = PROJECT / "docs" / "reliability.md"
BEGIN, END = "<!-- operations: written by `make e2e` -->", "<!-- operations: end -->"
COLUMNS = ("operation", "seconds", "clients", "streams", "cut", "refused", "failed")


class OperationsTable:
    """One run's results; each is on disk as soon as it is known."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        RESULTS.parent.mkdir(exist_ok=True)

    def add(self, operation: str, load: Load) -> None:
        counted = {outcome: load.outcomes[outcome] for outcome in ("cut", "refused", "failed")}
        facts = {"seconds": round(load.seconds), "clients": load.clients, "streams": len(load.concerned)}
        self._rows.append({"operation": operation, **facts, **counted})
        RESULTS.write_text(json.dumps(self._rows, indent=1) + "\n")


def as_markdown(rows: list[dict[str, Any]]) -> str:
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    lines += ["| " + " | ".join(str(row[column]) for column in COLUMNS) + " |" for row in rows]
    return "\n".join(lines)


def main() -> None:
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    table = as_markdown(json.loads(RESULTS.read_text()))
    DOCUMENT.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}")


if __name__ == "__main__":
    main()
