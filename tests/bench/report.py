"""Findings as text for people and as JSON for programs."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict
from typing import Any

from bench.goals import GOALS, Findings
from bench.measure import Result

COLUMNS = ("us/request", "us/token", "core", "kept", "latency ms", "1st token ms", "transit ms", "jitter ms", "MiB")


def text(found: Findings, stages: dict[str, dict[str, float]]) -> str:
    """The tables; latencies are p50/p99."""
    parts = [_starts(found), *_workloads(found), _idle(found), _translation(found), _stages(stages), goals(found)]
    return "\n\n".join(part for part in parts if part)


def document(found: Findings, stages: dict[str, dict[str, float]]) -> str:
    """Everything, with where it was measured."""
    whole: dict[str, Any] = {
        "machine": {"cores": os.cpu_count(), "processor": platform.machine(), "python": platform.python_version()},
        "load_average": os.getloadavg(),
        "start_seconds": found.starts,
        "idle_mib": found.idle_mib,
        "results": [asdict(each) for each in found.results],
        "idle_streams": [asdict(each) for each in found.idle],
        "translation": [{**asdict(each), "times_json": each.times_json} for each in found.translation],
        "stages_us": stages,
        "goals": [
            {"name": goal.name, "unit": goal.unit, "must": goal.must, "reach": goal.reach,
             "figure": goal.figure(found), "verdict": goal.verdict(goal.figure(found))}
            for goal in GOALS
        ],
    }  # fmt: skip
    return json.dumps(whole, indent=1)


def goals(found: Findings) -> str:
    """Each goal with its figure."""
    lines = [f"{'goal':58}{'must':>8}{'reach':>8}{'figure':>10}"]
    for goal in GOALS:
        figure = goal.figure(found)
        shown = "-" if figure is None else f"{figure:.2f}"
        lines.append(f"{goal.name:58}{goal.must:8g}{goal.reach:8g}{shown:>10} {goal.unit:4} {goal.verdict(figure)}")
    return "\n".join(lines)


def _starts(found: Findings) -> str:
    lines = [f"{'contender':28}{'start s':>9}{'idle MiB':>10}"]
    lines += [f"{name:28}{found.starts[name]:9.2f}{found.idle_mib[name]:10.0f}" for name in found.starts]
    return "\n".join(lines)


def _workloads(found: Findings) -> list[str]:
    keys = dict.fromkeys((each.workload, each.client, each.upstream) for each in found.results)
    return [_workload(found, *key) for key in keys]


def _workload(found: Findings, workload: str, client: str, upstream: str) -> str:
    rows = [
        each for each in found.results if (each.workload, each.client, each.upstream) == (workload, client, upstream)
    ]
    head = f"{workload} {client} -> {upstream}"
    lines = [f"{head:28}" + "".join(f"{column:>14}" for column in COLUMNS)]
    return "\n".join(lines + [_row(each) for each in rows])


def _row(result: Result) -> str:
    cells = [
        _number(result.cpu_per_request), _number(result.cpu_per_token, 2), f"{result.load:.2f}",
        "-" if result.rate_kept is None else f"{result.rate_kept:.0%}",
        *(_pair(times) for times in (result.latency, result.first_token, result.transit, result.jitter)),
        f"{result.resident_mib:.0f}",
    ]  # fmt: skip
    failed = f"  {result.failed} failed: {result.first_failure[:80]}" if result.failed else ""
    return f"  {result.contender:26}" + "".join(f"{cell:>14}" for cell in cells) + failed


def _number(value: float | None, digits: int = 0) -> str:
    return "-" if not value else f"{value:.{digits}f}"


def _pair(times: dict[str, float]) -> str:
    return f"{times['p50'] / 1000:.2f}/{times['p99'] / 1000:.1f}" if times["p99"] else "-"


def _idle(found: Findings) -> str:
    if not found.idle:
        return ""
    lines = [f"{'idle streams':28}{'held':>8}{'MiB':>8}{'KiB each':>10}{'core':>8}"]
    for each in found.idle:
        name = f"{each.contender} {each.client}"
        numbers = f"{each.held:8d}{each.resident_mib:8.0f}{each.kib_per_stream:10.1f}{each.cpu_share:8.3f}"
        lines.append(f"{name:28}{numbers}")
    return "\n".join(lines)


def _translation(found: Findings) -> str:
    if not found.translation:
        return ""
    lines = [f"{'request translated':28}{'tokens':>8}{'messages':>10}{'JSON ms':>9}{'all ms':>8}{'times':>7}"]
    for each in found.translation:
        name = f"{each.client} -> {each.upstream}"
        numbers = f"{each.tokens:8d}{each.messages:10d}{each.json_ms:9.2f}{each.translated_ms:8.2f}"
        lines.append(f"{name:28}{numbers}{each.times_json:7.2f}")
    return "\n".join(lines)


def _stages(stages: dict[str, dict[str, float]]) -> str:
    lines = ["stages of the gateway's requests, us on average (waiting for the model server included)"]
    for name, times in stages.items():
        lines.append(f"  {name:26}" + "  ".join(f"{stage} {value:.0f}" for stage, value in times.items()))
    return "\n".join(lines) if stages else ""
