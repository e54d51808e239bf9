"""A whole cluster and token endpoint in memory, on one clock, behind the same ports as the real ones.

Each call of a run is a step. At a step a run can be killed (before or after the effect), the call can fail (before or
after the effect), somebody else can touch the Secret, the run can freeze, another run can come in between.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from llmgateway.credentials import refresh_record
from llmgateway.credentials.oauth_exchange import (
    Answer,
    Grant,
    RefreshTokenGrant,
    Refused,
    TokenRequest,
    Unclear,
    read_answer,
)
from llmgateway.credentials.refresh_program import LIFE, RefreshRun
from llmgateway.credentials.refresh_settings import Report, Settings
from llmgateway.credentials.refresh_steps import Rules
from llmgateway.credentials.secret_port import Busy, Conflict, Missing, StoredSecret, Unreachable
from llmgateway.credentials.token_endpoint import NotSent
from llmgateway.credentials.token_formats import SourceShape, read_kept
from llmgateway.wire import json_codec
from support.token_families import TokenFamilies

LEASE = 150.0
KEYS = SourceShape(keys={"refreshToken": "refresh", "accessToken": "access", "expiresAt": "until"})


class Killed(BaseException):
    """kill -9: nothing catches it, nothing is cleaned up."""


@dataclass
class Secret:
    data: dict[str, bytes] = field(default_factory=dict)
    record: str = ""
    version: int = 1


@dataclass
class World:
    """`fault` is asked at each step of each run and may do anything to it."""

    families: TokenFamilies
    seed: int = 0
    locks: bool = True
    now: float = 1_800_000_000.0
    secrets: dict[str, Secret] = field(default_factory=dict)
    holder: str = ""
    renewed: float = 0.0
    runs: int = 0
    steps: int = 0
    late: list[tuple[float, str]] = field(default_factory=list)
    fault: Callable[[Client, str], str] = lambda _client, _step: ""

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.secrets |= {"target": Secret(), "recovery": Secret(), "source": Secret()}
        self.log_in()

    def log_in(self) -> None:
        """A human puts a new login into the source; its access token has ended, as they do on the way."""
        refresh, access = self.families.log_in()
        source = self.secrets["source"]
        source.data = {"refresh": refresh.encode(), "access": access.encode(), "until": b"2020-01-01T00:00:00Z"}
        source.version += 1

    def run(self, *, grace: float = 0.0, request: str = "", ended: str = "") -> Report | None:
        """One run of the program; None when it was killed."""
        self.runs += 1
        name = f"job-{self.runs}"
        try:
            return self.program(Client(self, f"{name}/pod", ended), grace=grace, request=request).run()
        except Killed:
            return None

    def program(
        self,
        client: Client,
        *,
        grace: float = 0.0,
        request: str = "",
        stopping: Callable[[], bool] = lambda: False,
    ) -> RefreshRun:
        """The program itself, on this world."""
        rules = Rules(run=client.run, grace=grace, request=request, margin=min(10.0, grace / 4))
        settings = Settings(
            rules=rules, target="target", recovery="recovery", source="source", shape=KEYS, build=client.build
        )
        return RefreshRun(settings, client, client, client.pause, stopping)

    @property
    def record(self) -> refresh_record.Record:
        """As the operator reads it: of a target that was deleted, the recovery Secret knows."""
        text = self.secrets["target"].record or self.secrets["recovery"].record
        return refresh_record.decode(text) or refresh_record.Record()

    @property
    def is_settled(self) -> bool:
        """Whether the operator would leave it alone until the next scheduled run."""
        target, recovery = (refresh_record.decode(self.secrets[name].record) for name in ("target", "recovery"))
        if target is None or recovery is None:
            return target is None and recovery is None
        return target.intent is None and recovery.intent is None and target.revision == recovery.revision

    @property
    def refresh_token(self) -> str:
        return read_kept(self.secrets["target"].data).refresh

    def deliver_late_requests(self) -> None:
        """Requests whose senders gave up, and which the server takes up only now."""
        due = [(when, token) for when, token in self.late if when <= self.now]
        self.late = [(when, token) for when, token in self.late if when > self.now]
        for when, token in sorted(due):
            self.families.exchange(token, when)


class Client:
    """One run's access to the world: Kubernetes and the token endpoint."""

    def __init__(self, world: World, run: str, ended: str) -> None:
        self.world = world
        self.run = run
        self._ended = ended
        self._dead = False
        self._born = world.now
        self._sent = ""

    def now(self) -> float:
        return self.world.now

    def pause(self, seconds: float) -> None:
        self._alive()
        self.world.now += seconds

    def kill(self) -> None:
        self._dead = True
        raise Killed

    def acquire(self) -> None:
        def take() -> None:
            world = self.world
            ended = self._ended and world.holder.startswith(f"{self._ended}/")
            if world.locks and world.holder and not ended and world.now < world.renewed + LEASE:
                world.now += 30
                raise Busy("held")
            world.holder, world.renewed = self.run, world.now

        for _ in range(20):
            try:
                return self._step("acquire", take)
            except Unreachable:
                self.pause(1)
        raise Busy("no answer")

    def release(self) -> None:
        def give() -> None:
            if self.world.holder == self.run:
                self.world.holder = ""

        self._step("release", give)

    def read(self, name: str) -> StoredSecret:
        found: list[StoredSecret] = []

        def look() -> None:
            secret = self._secret(name)
            found.append(StoredSecret(name, secret.data, secret.record, str(secret.version)))

        self._step(f"read {name}", look)
        return found[-1]

    def write(self, secret: StoredSecret) -> StoredSecret:
        written: list[StoredSecret] = []

        def put() -> None:
            there = self._secret(secret.name)
            if str(there.version) != secret.version:
                raise Conflict(secret.name)
            there.data, there.record = dict(secret.data), secret.record
            there.version += 1
            written.append(StoredSecret(secret.name, there.data, there.record, str(there.version)))

        self._step(f"write {secret.name}", put)
        return written[-1]

    def connect(self) -> None:
        self._alive()
        fault = self.world.fault(self, "connect")
        if fault == "error before":
            raise NotSent("refused")
        if fault.startswith("kill"):
            self.kill()

    def build(self, grant: Grant) -> TokenRequest:
        assert isinstance(grant, RefreshTokenGrant)
        self._sent = grant.token.value
        return TokenRequest({}, b"")

    def exchange(self, request: TokenRequest) -> Answer:
        self._alive()
        world, token = self.world, self._sent
        fault = world.fault(self, "exchange")
        if fault == "kill before":
            self.kill()
        if fault == "error before":
            world.now += 30
            return world.random.choice((Unclear("TimeoutError"), Unclear("HTTP 502"), Refused("HTTP 429")))
        if fault == "late":
            world.late.append((world.now + 31, token))
            world.now += 30
            return Unclear("TimeoutError")
        world.now += world.random.uniform(0.05, 1.0)
        body = world.families.exchange(token, world.now)
        if fault == "kill after":
            self.kill()
        if fault == "error after":
            world.now += 30
            return world.random.choice((Unclear("TimeoutError"), Unclear("HTTP 504"), read_answer(200, b'{"access')))
        if body is None:
            return read_answer(400, b'{"error": "invalid_grant"}')
        return read_answer(200, json_codec.encode(body))

    def _secret(self, name: str) -> Secret:
        if name not in self.world.secrets:
            raise Missing(name)
        return self.world.secrets[name]

    def _step(self, name: str, effect: Callable[[], None]) -> None:
        self._alive()
        world = self.world
        world.now += world.random.uniform(0.001, 0.2)
        fault = world.fault(self, name)
        if fault == "kill before":
            self.kill()
        if fault == "error before":
            raise Unreachable(name)
        if fault == "touch" and "target" in world.secrets:
            world.secrets["target"].version += 1
        effect()
        if fault == "kill after":
            self.kill()
        if fault in ("error after", "late"):
            raise Unreachable(name)

    def _alive(self) -> None:
        """A dead process does nothing; one that has lived too long is dead (SIGALRM)."""
        self.world.steps += 1
        self.world.deliver_late_requests()
        if self._dead or self.world.now > self._born + LIFE:
            self.kill()
