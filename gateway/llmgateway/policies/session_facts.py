"""What is known of a session, as a value that grows turn by turn (W7), and how `GET /v1/context` shows it.

Each part has its own way of meeting what other replicas wrote, the same as in the session store: counters add up, of
peaks the greatest stays, of facts the last, entries stand in a row. All of it is JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from math import isfinite
from typing import Any, Literal

from msgspec import Struct, field, structs

from llmgateway.events import Event, ToolCallStarted, Usage
from llmgateway.failures import Failure
from llmgateway.policies.token_estimate import DEFAULT_RATIO, GREATEST_RATIO, LEAST_RATIO, Ratio, learned
from llmgateway_api.policy import Levels

Level = Literal["NORMAL", "ELEVATED", "HIGH", "CRITICAL"]

ENTRIES = 64
"""Entries that a session keeps, the newest."""
_RECENT = 8
_NUMBERS = (int, float)
_MOST_NAMES = 32
_LONGEST_NAME = 64


class RequestFacts(Struct, frozen=True, kw_only=True):
    """What the policies saw and did in one request; tokens are estimates."""

    window: int
    size: int
    """Bytes of what a model reads of the request as it was sent."""
    tokens: int
    """Of the request as it was sent."""
    tokens_asked: int
    """Of the request as the client made it."""
    ratio: Ratio = Ratio()
    pruned_messages: int = 0
    pruned_tokens: int = 0
    forced: int = 0
    """Turns in a row, this one included, that were forced to call a tool."""
    model: str = ""


class TurnOutcome(Struct, frozen=True, kw_only=True):
    """What came of it."""

    usage: Usage | None = None
    tools: Sequence[str] = ()
    failure: Failure | None = None


class SessionUpdate(Struct, frozen=True, kw_only=True):
    """What one turn adds to its session (the store's SessionTurn without id and time)."""

    counters: dict[str, int]
    peaks: dict[str, float]
    facts: dict[str, Any]
    entry: dict[str, Any]


class SessionFacts(Struct, frozen=True, kw_only=True):
    """A session so far; empty for a new one. Values of a store are taken as they are and read with care."""

    counters: Mapping[str, int] = field(default_factory=dict)
    peaks: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    entries: Sequence[Mapping[str, Any]] = ()

    def after(self, update: SessionUpdate) -> SessionFacts:
        """The session with one turn more."""
        counters = {name: self.counters.get(name, 0) for name in {**self.counters, **update.counters}}
        peaks = {**self.peaks, **update.peaks}
        return SessionFacts(
            counters={name: count + update.counters.get(name, 0) for name, count in counters.items()},
            peaks={name: max(peak, self.peaks.get(name, peak)) for name, peak in peaks.items()},
            facts={**self.facts, **update.facts},
            entries=[*self.entries, update.entry][-ENTRIES:],
        )

    def number(self, name: str) -> float:
        """One of the facts; 0 where it is unknown or no number."""
        return _number(self.facts.get(name))

    @property
    def ratio(self) -> Ratio:
        """Bytes per token as measured in this session."""
        measured = _ratio(self.facts.get("measured_ratio"))
        return Ratio(measured, _ratio(self.facts.get("planned_ratio")) or DEFAULT_RATIO)

    def with_ratio(self, ratio: Ratio) -> SessionFacts:
        """The same session, planned with another ratio."""
        facts = {**self.facts, "measured_ratio": ratio.measured, "planned_ratio": ratio.planned}
        return structs.replace(self, facts=facts)

    @property
    def tokens(self) -> int:
        """What fills the window now: the last real count with its answer, else the last estimate."""
        return int(self.number("real_tokens") or self.number("estimated_tokens"))

    @property
    def forced(self) -> int:
        """Turns in a row that were forced to call a tool."""
        return int(self.number("forced_in_row"))


def session_update(request: RequestFacts, outcome: TurnOutcome, before: SessionFacts) -> SessionUpdate:
    """What a turn adds once it ended, however it ended."""
    prompt, answer = _real_tokens(outcome)
    ratio = learned(request.ratio, request.size, prompt) if prompt else request.ratio
    filled = prompt + answer if prompt else request.tokens
    overflow = outcome.failure is not None and outcome.failure.kind == "context_overflow"
    newly_pruned = request.pruned_messages and request.pruned_messages != before.number("pruned_messages")
    tools = [name[:_LONGEST_NAME] for name in outcome.tools[:_MOST_NAMES]]
    return SessionUpdate(
        counters=_counted(
            turns=1,
            prunes=int(bool(newly_pruned)),
            overflows=int(overflow),
            forced=int(request.forced > 0),
            tool_calls=len(outcome.tools),
        ),
        peaks={"tokens": float(filled), "utilisation": _share(filled, request.window)},
        facts={
            "window": request.window,
            "model": request.model,
            "estimated_tokens": request.tokens,
            "real_tokens": prompt + answer,
            "pruned_messages": request.pruned_messages,
            "pruned_tokens": request.pruned_tokens,
            "forced_in_row": request.forced,
            "measured_ratio": ratio.measured,
            "planned_ratio": ratio.planned,
        },
        entry={"tokens": request.tokens_asked, "sent": filled, **({"tools": tools} if tools else {})},
    )


def tool_names(events: Iterable[Event]) -> list[str]:
    """The tools that an answer calls."""
    return [event.name for event in events if isinstance(event, ToolCallStarted)]


def _real_tokens(outcome: TurnOutcome) -> tuple[int, int]:
    """Prompt and answer as the upstream counted them; an overflow tells its prompt as well."""
    if outcome.failure is not None and outcome.failure.input_tokens:
        return outcome.failure.input_tokens, 0
    usage = outcome.usage
    return (usage.input_tokens, usage.output_tokens) if usage is not None and usage.input_tokens > 0 else (0, 0)


def _counted(**counters: int) -> dict[str, int]:
    return {name: count for name, count in counters.items() if count}


def level_of(utilisation: float, levels: Levels) -> Level:
    """The word for a share of the window."""
    if utilisation >= levels.critical:
        return "CRITICAL"
    if utilisation >= levels.high:
        return "HIGH"
    return "ELEVATED" if utilisation >= levels.elevated else "NORMAL"


def turns_remaining(session: SessionFacts) -> int | None:
    """Turns until the window is full at the pace of the last ones; None while nothing is known of that."""
    sizes = [_number(entry.get("tokens")) for entry in session.entries[-_RECENT - 1 :]]
    growth = [after - before for before, after in pairwise(sizes) if after > before]
    window = session.number("window")
    if not growth or not window:
        return None
    return max(0, int((window - session.tokens) * len(growth) / sum(growth)))


def context_report(session: SessionFacts, session_id: str, levels: Levels) -> dict[str, Any]:
    """The document of `GET /v1/context`."""
    window = int(session.number("window"))
    utilisation = _share(session.tokens, window)
    return {
        "object": "context",
        "session_id": session_id,
        "model": session.facts.get("model", ""),
        "window": window,
        "tokens": {
            "estimated": int(session.number("estimated_tokens")),
            "real": int(session.number("real_tokens")) or None,
        },
        "utilisation": round(utilisation, 4),
        "level": level_of(utilisation, levels),
        "turns": session.counters.get("turns", 0),
        "turns_remaining": turns_remaining(session),
        "peak": {
            "tokens": int(_number(session.peaks.get("tokens"))),
            "utilisation": round(_number(session.peaks.get("utilisation")), 4),
        },
        "prunes": session.counters.get("prunes", 0),
        "pruned": {
            "messages": int(session.number("pruned_messages")),
            "tokens": int(session.number("pruned_tokens")),
        },
        "overflows": session.counters.get("overflows", 0),
        "forced_turns": session.counters.get("forced", 0),
        "tool_calls": {
            "total": session.counters.get("tool_calls", 0),
            "recent": [entry["tools"] for entry in session.entries if isinstance(entry.get("tools"), list)],
        },
    }


def _share(tokens: float, window: int) -> float:
    return tokens / window if window > 0 else 0.0


def _number(value: Any) -> float:
    """Numbers that a store may have turned into another kind; nothing else counts."""
    return float(value) if isinstance(value, _NUMBERS) and not isinstance(value, bool) and isfinite(value) else 0.0


def _ratio(value: Any) -> float | None:
    if value is None:
        return None
    found = _number(value)
    return min(max(found, LEAST_RATIO), GREATEST_RATIO) if found > 0 else None
