"""Where the gateway says that the time of its requests went: its own stage histogram, read before and after."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Mapping

_LINE = re.compile(r'^llmgateway_stage_seconds_(sum|count)\{stage="([^"]+)"\} (\S+)$', re.MULTILINE)

Reading = Mapping[tuple[str, str], float]


def read_stages(port: int) -> Reading:
    """(sum or count, stage) -> value."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    return {(kind, stage): float(value) for kind, stage, value in _LINE.findall(text)}


def stages_between(before: Reading, after: Reading) -> dict[str, float]:
    """Stage -> microseconds of a request, on average."""
    found = {}
    for (kind, stage), count in after.items():
        requests = count - before.get((kind, stage), 0)
        if kind == "count" and requests > 0:
            seconds = after["sum", stage] - before.get(("sum", stage), 0)
            found[stage] = seconds / requests * 1e6
    return found
