"""Runs of the refresh program against a simulated cluster, killed and disturbed at every step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from simulation.world import Client, Secret, World
from support.token_families import TokenFamilies

HOURS = 3600.0
FAULTS = ("kill before", "kill after", "error before", "error after", "late", "touch", "delete", "freeze", "intrude")
GRACES = (0.0, 180.0, 1e9)
"""None; longer than the few runs after a crash take; until the successor is used."""


def settle(world: World, grace: float) -> None:
    """What the operator does: a run that left an intent is followed by another one, which may take over the Lease."""
    for _ in range(5):
        if world.is_settled:
            return
        world.now += world.random.uniform(2, 8)
        world.run(grace=grace, ended=world.holder.partition("/")[0])


def restore(world: World) -> None:
    """The operator makes a deleted Secret again, empty."""
    world.secrets.setdefault("target", Secret(version=world.steps + 1000))


def clean_steps() -> list[str]:
    """The steps of an undisturbed run that exchanges a token."""
    seen: list[str] = []

    def watch(_: Client, step: str) -> str:
        seen.append(step)
        return ""

    world = World(TokenFamilies(), fault=watch)
    world.run()
    return seen


def every_crash() -> Iterator[tuple[int, str, float]]:
    for number, _ in enumerate(clean_steps()):
        for fault in ("kill before", "kill after", "error before", "error after", "late", "touch"):
            for grace in GRACES:
                yield number, fault, grace


def judge(world: World, grace: float, reason: str) -> str:
    """How a scenario ended; fails where it must not have ended so."""
    assert world.families.double_spends == 0
    alive = world.families.takes(world.refresh_token, world.now)
    if grace:
        assert alive
        assert reason == "Fresh"
        return "kept"
    if reason == "Fresh":
        assert alive
        return "kept"
    assert reason == "ReauthRequired"
    return "lost and reported"


@pytest.mark.behaviour("O3")
@pytest.mark.parametrize(("number", "fault", "grace"), list(every_crash()))
def test_one_fault_at_any_step_loses_no_login_where_there_is_grace(number: int, fault: str, grace: float) -> None:
    count = -1

    def once(_: Client, __: str) -> str:
        nonlocal count
        count += 1
        return fault if count == number else ""

    world = World(TokenFamilies(grace=grace), fault=once)
    world.run(grace=grace)
    world.fault = lambda _client, _step: ""
    settle(world, grace)
    world.now += 4 * HOURS
    world.run(grace=grace)
    world.now += 4 * HOURS
    report = world.run(grace=grace)
    assert report is not None
    judge(world, grace, report.reason)


class Chaos:
    """At most `budget` faults, at random steps of random runs."""

    def __init__(self, world: World, budget: int, grace: float) -> None:
        self.world, self.left, self.grace, self.seen = world, budget, grace, Counter[str]()

    def __call__(self, client: Client, step: str) -> str:
        random = self.world.random
        if self.left == 0 or random.random() > 0.06:
            return ""
        fault = random.choice(FAULTS)
        self.left -= 1
        self.seen[fault] += 1
        if fault == "delete":
            self.world.secrets.pop("target", None)
            restore(self.world)
            return ""
        if fault in ("freeze", "intrude"):
            return self._other_run(client, fault)
        return fault

    def _other_run(self, client: Client, fault: str) -> str:
        """Another run comes in between; after a freeze (longer than the Lease) this one is dead."""
        before, self.left = self.left, 0
        self.world.now += 200 if fault == "freeze" and self.grace != 180.0 else 0
        self.world.run(grace=self.grace)
        self.left = before
        return "kill before" if fault == "freeze" else ""


def live(seed: int, grace: float, *, locks: bool = True, rotates: bool = True) -> tuple[World, Chaos, str]:
    """A few days of one credential: scheduled and requested runs, new logins, restored sources, all kinds of faults."""
    families = TokenFamilies(grace=grace, rotates=rotates)
    world = World(families, seed=seed, locks=locks)
    world.fault = chaos = Chaos(world, 0, grace)
    old = dict(world.secrets["source"].data)
    for tick in range(6):
        chaos.left = world.random.choice((0, 1, 1, 2, 3))
        world.run(grace=grace, request=world.random.choice(("", f"request-{tick}")))
        settle(world, grace)
        world.now += 4 * HOURS + 60
        world.deliver_late_requests()
        event = world.random.random()
        if event < 0.08:
            world.log_in()
        elif event < 0.12:
            world.secrets["source"].data = dict(old)
    chaos.left = 0
    settle(world, grace)
    for _ in range(3):
        world.now += 4 * HOURS
        report = world.run(grace=grace)
    assert report is not None
    return world, chaos, report.reason


@pytest.mark.behaviour("O3")
@pytest.mark.parametrize("grace", GRACES)
def test_ten_thousand_runs_with_faults_spend_no_token_twice(grace: float) -> None:
    endings: Counter[str] = Counter()
    runs, faults = 0, 0
    while runs < 10_000:
        world, chaos, reason = live(runs, grace)
        endings[judge(world, grace, reason)] += 1
        runs += world.runs
        faults += chaos.seen.total()
    print(f"grace {grace:g} s: {runs} runs, {faults} faults, {sum(endings.values())} logins: {dict(endings)}")
    assert faults > runs / 20


@pytest.mark.behaviour("O3")
def test_without_any_lock_the_compare_and_swap_alone_keeps_tokens_from_being_spent_twice() -> None:
    for seed in range(400):
        world, _, _ = live(seed, 0.0, locks=False)
        assert world.families.double_spends == 0


def test_a_server_that_leaves_tokens_valid_never_costs_a_login_once_that_is_known() -> None:
    for seed in range(200):
        world = World(TokenFamilies(rotates=False), seed=seed)
        world.run()
        world.fault = chaos = Chaos(world, 0, 0.0)
        for _ in range(5):
            chaos.left = 2
            world.now += 4 * HOURS
            world.run()
            chaos.left = 0
            settle(world, 0.0)
        world.now += 4 * HOURS
        report = world.run()
        assert report is not None
        assert report.reason == "Fresh"
