"""python -m bench [guard] [--only NAME ...] [--quick] [--ten-thousand] [--json FILE]: see docs/performance.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench import report
from bench.contenders import Contender, Direct, Gateway, Nginx, PlainProxy
from bench.cores import Cores
from bench.go_programs import MissingToolError
from bench.goals import Findings
from bench.guard import guard
from bench.idle_streams import hold
from bench.measure import TURNS, Bench, Result, Running
from bench.peers import ClaudeCodeRouter, LiteLLM, Portkey, TensorZero
from bench.stage_times import read_stages, stages_between
from bench.translation_time import translation_times
from bench.workloads import ALONE, CORE, MORE, NATIVE_MESSAGES, ONCE, PAIRS, PASS, TRANSLATED, Pair, Workload
from support.server_process import ServerStartError

EVERYBODY: tuple[Contender, ...] = (
    Direct(), Gateway(), PlainProxy(), Nginx(), TensorZero(), Portkey(), ClaudeCodeRouter(), LiteLLM(),
)  # fmt: skip
OURS = (Gateway.name,)
FAST = (Gateway.name, PlainProxy.name, Nginx.name)
IDLE_STREAMS = 500
MANY_STREAMS = 10_000


class Run:
    """One run over all chosen contenders. They stand side by side and are loaded in turns: a machine that is slower for
    a minute is so for all of them."""

    def __init__(self, bench: Bench, options: argparse.Namespace) -> None:
        self._bench = bench
        self._options = options
        self.found = Findings([], [], [], {}, {})
        self.stages: dict[str, dict[str, float]] = {}

    def all(self, contenders: list[Contender]) -> None:
        """Each contender with everything that it takes part in; one that does not come up is named and left out."""
        with ExitStack() as stack:
            standing = [running for each in contenders if (running := self._start(stack, each)) is not None]
            for workload in (*CORE, *MORE, *ONCE):
                for pair in PAIRS:
                    self._measure([each for each in standing if self._takes_part(each, workload, pair)], pair, workload)
            for running in standing:
                if not isinstance(running.contender, Direct):
                    self._hold(running)
        self.found.translation = translation_times()

    def _start(self, stack: ExitStack, contender: Contender) -> Running | None:
        try:
            running = stack.enter_context(self._bench.running(contender))
        except (MissingToolError, ServerStartError) as error:
            print(f"{contender.name} is left out: {error}", file=sys.stderr)
            return None
        print(f"{contender.name} (start {running.start_seconds:.2f} s)", file=sys.stderr)
        if running.pid is not None:
            self.found.starts[contender.name] = running.start_seconds
            self.found.idle_mib[contender.name] = running.idle_mib
        return running

    def _takes_part(self, running: Running, workload: Workload, pair: Pair) -> bool:
        contender = running.contender
        if contender.route(*pair) is None or (self._options.quick and workload not in CORE):
            return False
        if pair == NATIVE_MESSAGES:
            return contender.name in OURS and workload in CORE
        if workload in MORE:
            return contender.name in FAST and pair in (PASS, TRANSLATED)
        return workload in CORE or not isinstance(contender, Direct)

    def _measure(self, parties: list[Running], pair: Pair, workload: Workload) -> None:
        """The turn that other work on the machine disturbed least is the one that counts."""
        best: dict[str, Result] = {}
        for turn in range(TURNS):
            for running in parties:
                ours = running.contender.name in OURS and workload is ALONE
                before = read_stages(running.port) if ours else {}
                result = self._bench.run(running, pair, workload, warm_up=turn == 0)
                name = result.contender
                if name not in best or result.disturbed < best[name].disturbed:
                    best[name] = result
                    if ours:
                        self.stages[f"{pair[0]} -> {pair[1]}"] = stages_between(before, read_stages(running.port))
        for name, result in best.items():
            print(f"  {workload.name:9} {pair[0]:>9} -> {pair[1]:8} {result.cost:9.2f} us  {name}", file=sys.stderr)
            self.found.results.append(result)

    def _hold(self, running: Running) -> None:
        wanted = [IDLE_STREAMS] + [MANY_STREAMS] * (self._options.ten_thousand and running.contender.name in OURS)
        for count in wanted:
            pair = TRANSLATED if running.contender.route(*TRANSLATED) else PASS
            held = hold(self._bench, running, pair, count)
            if held is not None:
                self.found.idle.append(held)


def main() -> int:
    """0, or 1 when the guard says no."""
    options = _parser().parse_args()
    cores = Cores()
    cores.keep_off()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        bench = Bench(folder, cores)
        stack.callback(bench.stop)
        if options.command == "guard":
            return 0 if guard(bench) else 1
        chosen = [each for each in EVERYBODY if not options.only or any(each.name.startswith(n) for n in options.only)]
        run = Run(bench, options)
        run.all(chosen)
    print(report.text(run.found, run.stages))
    if options.json:
        options.json.write_text(report.document(run.found, run.stages))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("command", nargs="?", choices=["all", "guard"], default="all")
    parser.add_argument("--only", action="append", metavar="NAME", help="a contender; may be repeated")
    parser.add_argument("--quick", action="store_true", help="the core workloads alone")
    parser.add_argument("--ten-thousand", action="store_true", help="hold 10,000 streams as well")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was found")
    return parser


if __name__ == "__main__":
    sys.exit(main())
