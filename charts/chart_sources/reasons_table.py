"""The index of docs/troubleshooting.md: every reason that asks for a human, from the operator's two catalogues."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from llmgateway_operator.credential.reasons import REASONS as CREDENTIAL_REASONS
from llmgateway_operator.status.catalogue import REASONS as GATEWAY_REASONS


class Row(NamedTuple):
    """One reason of one kind."""

    reason: str
    kind: str
    meaning: str
    remedy: str


def reasons_table() -> str:
    """Markdown, by reason. A reason of several conditions stands there once, as its first condition explains it."""
    rows: dict[tuple[str, str], Row] = {}
    for each in _rows():
        rows.setdefault((each.reason, each.kind), each)
    lines = ["| reason | of | what it means | what to do |", "|---|---|---|---|"]
    lines += [f"| `{each.reason}` | {each.kind} | {each.meaning} | {each.remedy} |" for _, each in sorted(rows.items())]
    return "\n".join(lines) + "\n"


def _rows() -> Iterator[Row]:
    for each in GATEWAY_REASONS:
        if each.remedy and each.status != "Unknown":
            yield Row(each.name, "LLMGateway", each.meaning, each.remedy)
    for reason in CREDENTIAL_REASONS:
        if reason.remedy:
            yield Row(reason.name, "LLMCredential", reason.meaning, reason.remedy)
