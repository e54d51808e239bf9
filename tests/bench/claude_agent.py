"""Figures of the agent backend, against an endpoint on this machine that answers at once: all is overhead.

    PYTHONPATH=tests python -m bench.claude_agent [--requests 500] [--turns 200] [--samples 15]

Prints a table; times in milliseconds, memory in MiB. The real program runs; load averages are printed beside.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import statistics
import time
from collections.abc import Awaitable, Callable

import psutil

from contract.claude_agent.agent import Agent, running_agent
from contract.claude_agent.anthropic_endpoint import says
from llmgateway.upstreams.port import UpstreamError

MEBIBYTE = 1024 * 1024


def row(name: str, value: str) -> None:
    print(f"{name:<58} {value:<42} load {os.getloadavg()[0]:.1f}", flush=True)


def spread(samples: list[float]) -> str:
    ordered = sorted(samples)
    return f"median {statistics.median(ordered):.0f}, min {ordered[0]:.0f}, max {ordered[-1]:.0f}"


async def first_token(agent: Agent, *said: str, **fields: object) -> float:
    """Milliseconds to the first text; the answer is read to its end."""
    began = time.perf_counter()
    answer = await agent.send(*said, **fields)
    took = 0.0
    body = b""
    while data := await answer.read_some():
        body += data
        if not took and b"text_delta" in body:
            took = (time.perf_counter() - began) * 1000
    answer.close()
    return took


async def ready(agent: Agent, count: int) -> None:
    """Until `count` untouched sessions have idled long enough to have booted."""
    while agent.transport.health().get("untouched", 0) < count:
        await asyncio.sleep(0.05)
    quiet = 0.0
    while quiet < 0.5:  # a booted process uses no processor time
        before = processor_time(agent)
        await asyncio.sleep(0.25)
        quiet = quiet + 0.25 if processor_time(agent) - before < 0.02 else 0.0


def processor_time(agent: Agent) -> float:
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in agent.transport.processes if psutil.pid_exists(pid))


async def times_to_first_token(samples: int) -> None:
    async with running_agent(size=1) as agent:
        agent.endpoint.brain = lambda asked: says("x")
        pooled = []
        for number in range(samples):
            await ready(agent, 1)
            pooled.append(await first_token(agent, f"hello {number}", thinking={"type": "adaptive"}))
        row("first token, untouched warm session (any system prompt)", spread(pooled))
        cold = []
        for number in range(samples):
            while agent.transport.health()["untouched"] == 0:
                await asyncio.sleep(0.01)
            for pid in agent.transport.processes:
                os.kill(pid, signal.SIGKILL)
            while any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie"
                      for pid in agent.transport.processes):  # fmt: skip
                await asyncio.sleep(0.001)
            cold.append(await first_token(agent, f"hello {number}", thinking={"type": "adaptive"}))
        row("first token, cold (a process started for the request)", spread(cold))
    async with running_agent(size=2) as agent:
        agent.endpoint.brain = lambda asked: says("x")
        await ready(agent, 2)
        kept, said = [], ["hello"]
        await first_token(agent, *said)
        for number in range(samples):
            said += ["x", f"and {number}"]
            kept.append(await first_token(agent, *said))
        row("first token, the conversation's own kept session", spread(kept))
        await ready(agent, 1)
        history = [f"text {number}" for number in range(40)] + ["now"]
        row("first token, 20 pairs of history replayed", f"{await first_token(agent, *history):.0f}")


async def memory() -> None:
    async with running_agent(size=8) as agent:
        agent.endpoint.brain = lambda asked: says("x")
        await ready(agent, 8)
        sizes = [psutil.Process(pid).memory_full_info() for pid in agent.transport.processes]
        resident, shared_out = (statistics.mean(getattr(each, kind) for each in sizes) for kind in ("rss", "pss"))
        row("untouched session, 8 of them: RSS / PSS each", f"{resident / MEBIBYTE:.0f} / {shared_out / MEBIBYTE:.0f}")


async def many_turns(turns: int) -> None:
    async with running_agent(size=2, max_turns=turns) as agent:
        agent.endpoint.brain = lambda asked: says("x")
        said = ["turn 0"]
        await first_token(agent, *said)
        await agent.until_quiet()
        before = set(agent.transport.processes)
        began, resident = time.perf_counter(), 0
        for number in range(1, turns):
            said += ["x", f"turn {number}"]
            await first_token(agent, *said)
            if number % 20 == 0:
                resident = max(psutil.Process(pid).memory_info().rss for pid in agent.transport.processes)
        took = (time.perf_counter() - began) * 1000 / max(1, turns - 1)
        await agent.until_quiet()
        gone = bool(before - set(agent.transport.processes))
        row(f"{turns} turns of one conversation on one session", f"{took:.0f} a turn, RSS {resident // MEBIBYTE}, "
            f"recycled: {gone}")  # fmt: skip


async def killed(requests: int, size: int = 4) -> None:
    """5 % of the requests are accompanied by a kill -9 of a random session."""
    dice = random.Random(5)
    lost: list[str] = []
    broke = kills = done = 0
    async with running_agent(size=size, pool_timeout=120.0) as agent:
        agent.endpoint.brain = lambda asked: says(asked.question, " ", "ok", pause=0.01)

        async def one(number: int) -> None:
            nonlocal broke, kills, done
            if dice.random() < 0.05 and agent.transport.processes:
                kills += 1
                os.kill(dice.choice(agent.transport.processes), signal.SIGKILL)
            try:
                answer = await agent.send(f"question {number}")
            except UpstreamError as error:
                lost.append(str(error))
                return
            body = b""
            try:
                body = await answer.read_all()
            except UpstreamError:
                broke += 1  # it had begun to answer
            else:
                done += f"question {number}".encode() in body
            answer.close()

        began = time.perf_counter()
        await in_groups(requests, size, one)
        took = time.perf_counter() - began
        health = agent.transport.health()
    row(f"{requests} requests, {kills} sessions killed, {size} places",
        f"answered {done}, broken in mid-answer {broke}, lost {len(lost)}")  # fmt: skip
    row("  requests a second; sessions started; deaths noticed",
        f"{requests / took:.1f}; {health['started']}; {health['died']}")  # fmt: skip
    assert not lost, lost[:3]


async def in_groups(count: int, width: int, work: Callable[[int], Awaitable[None]]) -> None:
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await work(number)

    await asyncio.gather(*(worker() for _ in range(width)))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--samples", type=int, default=15)
    chosen = parser.parse_args()
    await times_to_first_token(chosen.samples)
    await memory()
    await many_turns(chosen.turns)
    await killed(chosen.requests)


if __name__ == "__main__":
    asyncio.run(main())
