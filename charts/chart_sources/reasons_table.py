"""The table of docs/troubleshooting.md: every reason that asks for a human, from the operator's catalogue."""

from __future__ import annotations

from llmgateway_operator.status.catalogue import CONDITIONS, REASONS, Reason


def reasons_table() -> str:
    """Markdown, by condition in the catalogue's order. `Ready` repeats the others' reasons; those stand there only."""
    lines = ["| condition | reason | what it means | what to do |", "|---|---|---|---|"]
    own = {(each.condition, each.name) for each in REASONS if each.condition != "Ready"}
    names = {name for _, name in own}
    for condition in CONDITIONS:
        lines += [
            f"| {each.condition} | `{each.name}` | {each.meaning} | {each.remedy} |"
            for each in REASONS
            if each.condition == condition.name and each.remedy and not _repeats(each, names)
        ]
    return "\n".join(lines) + "\n"


def _repeats(reason: Reason, names: set[str]) -> bool:
    return (reason.condition == "Ready" and reason.name in names) or reason.status == "Unknown"
