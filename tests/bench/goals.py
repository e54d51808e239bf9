"""The goals, each with the figure of this run: must, reach for, met or not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.contenders import Direct, Gateway
from bench.idle_streams import IdleStreams
from bench.measure import Result
from bench.peers import LiteLLM, TensorZero
from bench.requests import Client, Upstream
from bench.translation_time import TranslationTime
from bench.workloads import PASS, TRANSLATED, Pair

OURS = Gateway.name
NODE = ("Portkey", "claude-code-router")
RUST = (TensorZero.name,)


@dataclass
class Findings:
    """All that one run found."""

    results: list[Result]
    idle: list[IdleStreams]
    translation: list[TranslationTime]
    starts: dict[str, float]
    idle_mib: dict[str, float]

    def of(self, contender: str, pair: Pair, workload: str) -> Result | None:
        wanted: tuple[str, Client, Upstream, str] = (contender, *pair, workload)
        found = (each for each in self.results if (each.contender, each.client, each.upstream, each.workload) == wanted)
        return next(found, None)


@dataclass(frozen=True)
class Goal:
    """`figure` None: not measured in this run. `least`: more is better."""

    name: str
    unit: str
    must: float
    reach: float
    figure: Callable[[Findings], float | None]
    least: bool = False

    def verdict(self, figure: float | None) -> str:
        if figure is None:
            return "not measured"
        if self._meets(figure, self.reach):
            return "reached"
        return "met" if self._meets(figure, self.must) else "NOT MET"

    def _meets(self, figure: float, bound: float) -> bool:
        return figure >= bound if self.least else figure <= bound


def _token(pair: Pair, workload: str) -> Callable[[Findings], float | None]:
    return lambda found: result.cpu_per_token if (result := found.of(OURS, pair, workload)) else None


def _request(pair: Pair, workload: str) -> Callable[[Findings], float | None]:
    return lambda found: result.cpu_per_request if (result := found.of(OURS, pair, workload)) else None


def _times_less(pair: Pair, workload: str, per: str) -> Callable[[Findings], float | None]:
    def figure(found: Findings) -> float | None:
        ours, theirs = found.of(OURS, pair, workload), found.of(LiteLLM.name, pair, workload)
        if ours is None or theirs is None or not getattr(ours, per) or not getattr(theirs, per):
            return None
        ratio: float = getattr(theirs, per) / getattr(ours, per)
        return ratio

    return figure


def _share_of_best_peer(pair: Pair, peers_named: tuple[str, ...]) -> Callable[[Findings], float | None]:
    def figure(found: Findings) -> float | None:
        ours = found.of(OURS, pair, "d10")
        peers = [
            each.cpu_per_token
            for each in found.results
            if each.contender.startswith(peers_named) and (each.client, each.upstream, each.workload) == (*pair, "d10")
        ]
        costs = [cost for cost in peers if cost]
        return ours.cpu_per_token / min(costs) if ours and ours.cpu_per_token and costs else None

    return figure


def _load(pair: Pair) -> Callable[[Findings], float | None]:
    return lambda found: result.load * 100 if (result := found.of(OURS, pair, "d10")) else None


def _kept(pair: Pair) -> Callable[[Findings], float | None]:
    return lambda found: (
        result.rate_kept * 100 if (result := found.of(OURS, pair, "d10")) and result.rate_kept else None
    )


def _added(workload: str, field: str) -> Callable[[Findings], float | None]:
    """Milliseconds beyond asking the model server directly."""

    def figure(found: Findings) -> float | None:
        ours, direct = found.of(OURS, TRANSLATED, workload), found.of(Direct.name, PASS, workload)
        if ours is None or direct is None:
            return None
        added: float = (getattr(ours, field)["p50"] - getattr(direct, field)["p50"]) / 1000
        return added

    return figure


def _held(found: Findings) -> float | None:
    return max(
        (each.resident_mib for each in found.idle if each.contender == OURS and each.wanted == 500), default=None
    )


def _times_json(found: Findings) -> float | None:
    wanted = (each for each in found.translation if (each.client, each.upstream, each.tokens) == (*TRANSLATED, 100_000))
    return next((each.times_json for each in wanted), None)


def _growth(found: Findings) -> float | None:
    """Time for 200k tokens by time for 100k: 2 is linear."""
    times = {
        each.tokens: each.translated_ms for each in found.translation if (each.client, each.upstream) == TRANSLATED
    }
    return times[200_000] / times[100_000] if times else None


GOALS: Sequence[Goal] = (
    Goal("d10 T, CPU a token", "us", 35, 25, _token(TRANSLATED, "d10")),
    Goal("d10 T, times less than LiteLLM", "x", 15, 25, _times_less(TRANSLATED, "d10", "cpu_per_token"), least=True),
    Goal("d10 T, share of the cheapest Node peer's", "x", 1, 0.8, _share_of_best_peer(TRANSLATED, NODE)),
    Goal("d10 P, CPU a token", "us", 30, 22, _token(PASS, "d10")),
    Goal("d10 P, share of the cheapest Node peer's", "x", 1, 0.8, _share_of_best_peer(PASS, NODE)),
    Goal("d10 P, share of TensorZero's (Rust)", "x", 1, 0.8, _share_of_best_peer(PASS, RUST)),
    Goal("b50 T, CPU a token", "us", 4, 2, _token(TRANSLATED, "b50")),
    Goal("st T, CPU a token", "us", 7, 4.5, _token(TRANSLATED, "st")),
    Goal("ns P, CPU a request", "us", 200, 120, _request(PASS, "ns")),
    Goal("ns T, CPU a request", "us", 200, 120, _request(TRANSLATED, "ns")),
    Goal("ns P, times less than LiteLLM", "x", 30, 50, _times_less(PASS, "ns", "cpu_per_request"), least=True),
    Goal("ns T, times less than LiteLLM", "x", 30, 50, _times_less(TRANSLATED, "ns", "cpu_per_request"), least=True),
    Goal("256 paced streams T, rate kept", "%", 98, 98, _kept(TRANSLATED), least=True),
    Goal("256 paced streams T, CPU of one core", "%", 80, 60, _load(TRANSLATED)),
    Goal("added latency, whole answer, T, p50", "ms", 0.6, 0.35, _added("ns-1", "latency")),
    Goal("added time to first token, T, p50", "ms", 2, 1.2, _added("paced-1", "first_token")),
    Goal("idle resident memory", "MiB", 90, 65, lambda found: found.idle_mib.get(OURS)),
    Goal("with 500 open streams", "MiB", 140, 90, _held),
    Goal("start to first 200", "s", 1.5, 0.7, lambda found: found.starts.get(OURS)),
    Goal("tool-call stream T, a fragment", "us", 15, 8, _token(TRANSLATED, "tools")),
    Goal("100k tokens and 50 tools T, times the JSON codec's own", "x", 3, 2, _times_json),
    Goal("the same, 200k by 100k tokens (2 is linear)", "x", 2.5, 2.2, _growth),
)
