"""What is measured: a pair of dialects, a rhythm of the model server, and how many at once."""

from __future__ import annotations

from dataclasses import dataclass

from bench.requests import Client, Upstream, request

PACED_PER_SECOND = 100
"""Tokens of one paced stream; `pace` in go/upstream/rhythm.go."""


@dataclass(frozen=True)
class Workload:
    """`name` is stable: results, goals and the guard refer to it."""

    name: str
    rhythm: str
    connections: int
    tokens: int = 1
    prompt_tokens: int = 0
    tools: int = 0
    seconds: float = 1.4
    """Of each turn."""

    @property
    def stream(self) -> bool:
        return self.rhythm != "whole"

    @property
    def offered(self) -> float | None:
        """Tokens a second that the model server sends; None where it sends as fast as it can."""
        return self.connections * PACED_PER_SECOND if self.rhythm == "paced" else None

    def body(self, client: Client, model: str) -> bytes:
        """The request in the client's dialect."""
        script = f"{self.rhythm}:{self.tokens}"
        return request(client, model, script, stream=self.stream, tokens=self.prompt_tokens, tools=self.tools)


Pair = tuple[Client, Upstream]

PASS: Pair = ("chat", "chat")
NATIVE_MESSAGES: Pair = ("messages", "messages")
TRANSLATED: Pair = ("messages", "chat")
TO_MESSAGES: Pair = ("chat", "messages")
RESPONSES: Pair = ("responses", "chat")
PAIRS: tuple[Pair, ...] = (PASS, TRANSLATED, TO_MESSAGES, RESPONSES, NATIVE_MESSAGES)

WHOLE = Workload("ns", "whole", 16)
PACED = Workload("d10", "paced", 256, tokens=200, seconds=2.6)
BURST = Workload("b50", "burst", 16, tokens=200)
STRAIGHT = Workload("st", "straight", 16, tokens=200)
TOOLS = Workload("tools", "tools", 64, tokens=200)
ALONE = Workload("ns-1", "whole", 1)
STREAM_ALONE = Workload("paced-1", "paced", 1, tokens=10)
LARGE = Workload("large", "whole", 4, prompt_tokens=100_000, tools=50)

CORE: tuple[Workload, ...] = (WHOLE, PACED, BURST, STRAIGHT, ALONE, STREAM_ALONE)
"""Every contender, every pair that it knows."""

MORE: tuple[Workload, ...] = (
    Workload("ns-64", "whole", 64),
    Workload("ns-256", "whole", 256),
    Workload("d10-1", "paced", 1, tokens=200, seconds=2.6),
    Workload("d10-16", "paced", 16, tokens=200, seconds=2.6),
    Workload("d10-64", "paced", 64, tokens=200, seconds=2.6),
    Workload("d10-long", "paced", 256, tokens=4000, seconds=2.6),
    Workload("b50-long", "burst", 16, tokens=4000),
)
"""Pass-through and the main translation, for the programs that could be near each other there."""

ONCE: tuple[Workload, ...] = (TOOLS, LARGE)
"""Everybody but the model server itself."""
