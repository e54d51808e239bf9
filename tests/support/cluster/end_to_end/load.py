"""Fifty streams while something happens to the cluster, and what became of each of them."""

from __future__ import annotations

import json
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from support.cluster.end_to_end import load_client
from support.cluster.end_to_end.client_pods import (
    HERE,
    execute,
    logs,
    script_pod,
    scripts,
    wait_for_phase,
    wait_for_readiness,
)
from support.kubectl import Kubectl

SCRIPTS = "load-client"
START_TIMEOUT = 90  # seconds until all streams run
END_TIMEOUT = 120  # seconds until the last one has ended by itself

Stream = dict[str, Any]


@dataclass
class Load:
    """`streams` is filled at the end; `began` and `ended` enclose what was done meanwhile (seconds since 1970)."""

    clients: int
    began: float = 0.0
    ended: float = 0.0
    streams: list[Stream] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    @property
    def concerned(self) -> list[Stream]:
        """Streams that ran, or were asked for, while it was done or later."""
        return [each for each in self.streams if each["ended"] >= self.began]

    @property
    def outcomes(self) -> Counter[str]:
        """whole, failed, cut, refused: see load_client."""
        return Counter(each["outcome"] for each in self.concerned)

    @property
    def losses(self) -> list[str]:
        """What the clients of streams that did not end whole saw, each with how often."""
        lost = [each for each in self.concerned if each["outcome"] != "whole"]
        seen = Counter(f"{each['outcome']} {each['path']} {each['reason']}" for each in lost)
        return [f"{count} x {what}" for what, count in seen.most_common()]

    def in_flight(self, moment: float) -> int:
        return sum(each["began"] <= moment <= each["ended"] for each in self.streams)


@contextmanager
def running_load(
    kubectl: Kubectl,
    url: str,
    *,
    key: str = "none",
    clients: int = 50,
    tokens: tuple[int, int] = (100, 450),
    **pod: Any,
) -> Iterator[Load]:
    """All streams run when the block begins; after it they end by themselves, and the Load has them all."""
    name = f"load-{uuid.uuid4().hex[:6]}"
    command = ["load_client.py", "--url", url, "--key", key, "--streams", str(clients)]
    command += ["--tokens", *map(str, tokens)]
    ready = ["test", "-e", str(load_client.READY)]
    kubectl.apply([scripts(SCRIPTS, HERE / "load_client.py"), script_pod(name, SCRIPTS, command, ready=ready, **pod)])
    try:
        wait_for_readiness(kubectl, name, START_TIMEOUT)
        load = Load(clients, began=time.time())
        yield load
        load.ended = time.time()
        execute(kubectl, name, "touch", str(load_client.STOP))
        assert wait_for_phase(kubectl, name, END_TIMEOUT) == "Succeeded", logs(kubectl, name)[-2000:]
        load.streams = json.loads(logs(kubectl, name))
    finally:
        kubectl.delete("pod", name, None, "--wait=false")
