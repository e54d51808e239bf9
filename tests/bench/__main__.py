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
from bench.measure import Bench, Running
from bench.peers import ClaudeCodeRouter, LiteLLM, Portkey
from bench.stage_times import read_stages, stages_between
from bench.translation_time import translation_times
from bench.workloads import ALONE, CORE, MORE, NATIVE_MESSAGES, ONCE, PAIRS, PASS, TRANSLATED, Pair, Workload
from support.server_process import ServerStartError

EVERYBODY: tuple[Contender, ...] = (
    Direct(), Gateway(), PlainProxy(), Nginx(), Portkey(), ClaudeCodeRouter(), LiteLLM(),
)  # fmt: skip
OURS = (Gateway.name,)
FAST = (Gateway.name, PlainProxy.name, Nginx.name)
IDLE_STREAMS = 500
MANY_STREAMS = 10_000


class Run:
    """One run over all chosen contenders."""

    def __init__(self, bench: Bench, options: argparse.Namespace) -> None:
        self._bench = bench
        self._options = options
        self.found = Findings([], [], [], {}, {})
        self.stages: dict[str, dict[str, float]] = {}

    def all(self, contenders: list[Contender]) -> None:
        """Each contender with everything that it takes part in; one that does not come up is named and left out."""
        for contender in contenders:
            try:
                self._one(contender)
            except (MissingToolError, ServerStartError) as error:
                print(f"{contender.name} is left out: {error}", file=sys.stderr)
        self.found.translation = translation_times()

    def _one(self, contender: Contender) -> None:
        with self._bench.running(contender) as running:
            print(f"{contender.name} (start {running.start_seconds:.2f} s)", file=sys.stderr)
            if running.pid is not None:
                self.found.starts[contender.name] = running.start_seconds
                self.found.idle_mib[contender.name] = running.idle_mib
            for workload, pairs in self._program(contender):
                for pair in pairs:
                    self._measure(running, pair, workload)
            if not isinstance(contender, Direct):
                self._hold(running)

    def _program(self, contender: Contender) -> list[tuple[Workload, tuple[Pair, ...]]]:
        program: list[tuple[Workload, tuple[Pair, ...]]] = [(each, PAIRS) for each in CORE]
        if contender.name in OURS:
            program += [(each, (NATIVE_MESSAGES,)) for each in CORE]
        if self._options.quick:
            return program[: len(CORE)]
        if contender.name in FAST:
            program += [(each, (PASS, TRANSLATED)) for each in MORE]
        return [*program, *ONCE] if not isinstance(contender, Direct) else program

    def _measure(self, running: Running, pair: Pair, workload: Workload) -> None:
        ours = running.contender.name in OURS
        before = read_stages(running.port) if ours else {}
        result = self._bench.run(running, pair, workload)
        if result is None:
            return
        self.found.results.append(result)
        cost = result.cpu_per_token if workload.stream else result.cpu_per_request
        print(f"  {workload.name:9} {pair[0]:>9} -> {pair[1]:8} {cost or 0:9.2f} us", file=sys.stderr)
        if ours and workload is ALONE:
            self.stages[f"{pair[0]} -> {pair[1]}"] = stages_between(before, read_stages(running.port))

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
