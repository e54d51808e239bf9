"""Writes docs/status-conditions.md from the catalogue; `--check` fails when the file is stale.

python -m llmgateway_operator.status.document [--check]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from llmgateway_operator.status.catalogue import CONDITIONS, REASONS, ConditionType

TARGET: Final = Path(__file__).parents[3] / "docs" / "status-conditions.md"
_HEAD: Final = """# Status conditions of an LLMGateway

Generated from `llmgateway_operator.status.catalogue` by `python -m llmgateway_operator.status.document`; do not edit.

Tools may rely on every word here: types and reasons are a closed list. Messages are for people; they name the object
and the field, and never hold the data of a Secret. `observedGeneration` says which spec a condition is about,
`lastTransitionTime` moves only when `status` does, and nothing changes with the clock alone.

With kstatus (Argo CD, Flux, `kubectl wait`): Stalled means Failed, Reconciling or Ready other than True means
InProgress, all else Current. Ready repeats reason and message of the first condition that is not true.
"""


def text() -> str:
    """The whole document."""
    return "\n".join([_HEAD, *(line for condition in CONDITIONS for line in _section(condition))])


def _section(condition: ConditionType) -> Iterator[str]:
    only = " Left out unless it is true." if condition.only_while_true else ""
    yield from (f"## {condition.name}", "", f"{condition.meaning}{only}", "")
    yield from ("| reason | status | what it means | what to do |", "|---|---|---|---|")
    seen: set[str] = set()
    for reason in REASONS:
        if reason.condition == condition.name and reason.name not in seen:
            seen.add(reason.name)
            yield f"| {reason.name} | {reason.status} | {reason.meaning} | {reason.remedy} |"
    yield ""


def main(arguments: Sequence[str] | None = None) -> None:
    """Raises SystemExit with a sentence when the file is stale under `--check`."""
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--check", action="store_true", help="write nothing, fail when stale")
    fresh = text()
    if not flags.parse_args(arguments).check:
        TARGET.write_text(fresh)
    elif not TARGET.exists() or TARGET.read_text() != fresh:
        sys.exit(f"{TARGET.name} is stale: run `python -m llmgateway_operator.status.document`")


if __name__ == "__main__":
    main()
