"""The regression check: the gateway's CPU as a multiple of a featureless proxy's, both measured in the same minute.

Both stand on the contender's core all the time and are loaded in turns; the best of the turns counts, which is the one
that other work on the machine disturbed least.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace

from bench.contenders import Contender, Gateway, PlainProxy
from bench.cores import cpu_seconds
from bench.measure import Bench, Running
from bench.workloads import BURST, PACED, PASS, STRAIGHT, TRANSLATED, WHOLE, Pair, Workload

ROUNDS = 5
SECONDS = {"paced": 2.2}
SHORT = 1.0


@dataclass(frozen=True)
class Ratio:
    """A gateway workload, the proxy's pass-through of the same kind, and how many times its cost is too much."""

    workload: Workload
    pair: Pair
    limit: float


RATIOS = (
    Ratio(WHOLE, PASS, 4.0),
    Ratio(WHOLE, TRANSLATED, 4.5),
    Ratio(PACED, PASS, 2.2),
    Ratio(PACED, TRANSLATED, 2.2),
    Ratio(BURST, PASS, 6.0),
    Ratio(BURST, TRANSLATED, 6.0),
    Ratio(STRAIGHT, TRANSLATED, 3.0),
)


def guard(bench: Bench) -> bool:
    """Prints each ratio; False when one is above its limit, or a request failed."""
    with ExitStack() as stack:
        ours, plain = (stack.enter_context(bench.running(each)) for each in _both())
        held = [_holds(bench, ours, plain, each) for each in RATIOS]  # all of them, also after one that does not
        return all(held)


def _both() -> tuple[Contender, Contender]:
    return Gateway(), PlainProxy()


def _holds(bench: Bench, ours: Running, plain: Running, ratio: Ratio) -> bool:
    costs = [
        (_cost(bench, ours, ratio.pair, ratio.workload), _cost(bench, plain, PASS, ratio.workload))
        for _ in range(ROUNDS)
    ]
    mine, theirs = min(cost for cost, _ in costs), min(cost for _, cost in costs)
    found = mine / theirs
    word = "ok" if found <= ratio.limit else "TOO MUCH"
    unit = "token" if ratio.workload.stream else "request"
    print(
        f"{ratio.workload.name:5} {ratio.pair[0]:>9} -> {ratio.pair[1]:8} {mine:8.2f} us a {unit}, "
        f"{found:5.2f} times the plain proxy's {theirs:.2f} (limit {ratio.limit:.1f})  {word}",
        flush=True,
    )
    return found <= ratio.limit


def _cost(bench: Bench, running: Running, pair: Pair, workload: Workload) -> float:
    """Microseconds of CPU a token, or a request where it is no stream."""
    route = running.contender.route(*pair)
    assert route is not None and running.pid is not None
    seconds = SECONDS.get(workload.rhythm, SHORT)
    before = cpu_seconds(running.pid)
    seen = bench.load(running, pair[0], route, replace(workload, seconds=seconds), seconds)
    used = cpu_seconds(running.pid) - before
    assert not seen["failed"], seen["first_failure"]
    count: int = seen["tokens"] if workload.stream else seen["good"]
    return used / count * 1e6
