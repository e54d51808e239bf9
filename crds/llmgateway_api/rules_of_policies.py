"""What the numbers of the policies may say together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from llmgateway_api.rule import Rule, rule

if TYPE_CHECKING:
    from llmgateway_api.policy import Context, Levels, Pacing, ToolResults


def _shrinking(context: Context) -> bool:
    return context.prune_to < context.prune_at


def _shorter(results: ToolResults) -> bool:
    return results.head + results.tail <= results.longer


def _ordered_delays(pacing: Pacing) -> bool:
    return pacing.min_delay <= pacing.max_delay


def _rising(levels: Levels) -> bool:
    return levels.elevated <= levels.high <= levels.critical


def _or(field: str, default: str) -> str:
    return f"(has(self.{field}) ? self.{field} : {default})"


POLICY_RULES: Final[tuple[Rule, ...]] = (
    rule(
        "Context", "shrinking", "pruneTo",
        "must be less than pruneAt (left out: pruneAt is 0.75, pruneTo is 0.65)",
        f"{_or('pruneTo', '0.65')} < {_or('pruneAt', '0.75')}",
        _shrinking,
    ),
    rule(
        "ToolResults", "shorter", "",
        "head and tail together must not be greater than longer (left out: 1000, 500 and 2000)",
        f"{_or('head', '1000')} + {_or('tail', '500')} <= {_or('longer', '2000')}",
        _shorter,
    ),
    rule(
        "Pacing", "ordered-delays", "minDelay",
        "must not be longer than maxDelay (left out: 25ms and 60ms)",
        _or("minDelay", "duration('25ms')") + " <= " + _or("maxDelay", "duration('60ms')"),
        _ordered_delays,
    ),
    rule(
        "Levels", "rising", "",
        "must rise from elevated over high to critical (left out: 0.75, 0.85 and 0.95)",
        f"{_or('elevated', '0.75')} <= {_or('high', '0.85')} && {_or('high', '0.85')} <= {_or('critical', '0.95')}",
        _rising,
    ),
)  # fmt: skip
