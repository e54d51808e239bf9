"""Reasoning as the Claude generations take it: adaptive with an effort, or a budget, and how to switch it off.

Source: Anthropic's pages on extended thinking, adaptive thinking and effort.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgateway.profiles import ClaudeFamily, nearest_effort
from llmgateway.translate.rules import Losses
from llmgateway.translate.thinking_wish import ThinkingWish

BUDGETS = {"minimal": 2048, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 32000, "max": 32000}
"""Tokens of thinking per effort, for models that take a budget only."""
LEAST_BUDGET = 1024
HIGHEST_WHEN_OFF = ("low", "medium", "high")


def tell_claude(
    wish: ThinkingWish, family: ClaudeFamily, document: dict[str, Any], to: Losses, *, forced: bool
) -> None:
    """Put `thinking` and `output_config.effort` into a document whose max_tokens is set.

    `forced`: the request forces a tool, which no thinking model takes.
    """
    if forced and wish.on:
        to.lose(
            wish.path, "a forced tool and thinking exclude each other: the tool is forced, thinking isn't asked for"
        )
    if wish.on and not forced:
        _turn_on(wish, family, document, to)
    elif wish.on is False or (forced and family.thinking_default == "on"):
        _turn_off(wish, family, document, to)
    elif wish.show and family.thinking_default != "off" and not forced:
        document["thinking"] = {"type": "adaptive", "display": "summarized"}
    if wish.effort is not None:
        _set_effort(wish, family, document, to)


def _turn_on(wish: ThinkingWish, family: ClaudeFamily, document: dict[str, Any], to: Losses) -> None:
    if "adaptive" in family.thinking:
        document["thinking"] = {"type": "adaptive"}
        if wish.show and not family.shows_thinking:
            document["thinking"]["display"] = "summarized"
        if wish.effort is None and wish.budget is not None:
            wish.effort = wish.level
        return
    room = document["max_tokens"] if isinstance(document.get("max_tokens"), int) else 0
    if "enabled" not in family.thinking:
        to.lose(wish.path, "this model has no thinking")
    elif room <= LEAST_BUDGET:
        to.lose(wish.path, f"thinking needs more than {LEAST_BUDGET} tokens of max_tokens")
    else:
        wanted = wish.budget or BUDGETS.get(wish.level or "high", BUDGETS["high"])
        budget = max(LEAST_BUDGET, min(wanted, room * 3 // 4))
        document["thinking"] = {"type": "enabled", "budget_tokens": budget}


def _turn_off(wish: ThinkingWish, family: ClaudeFamily, document: dict[str, Any], to: Losses) -> None:
    for kind in ("disabled", "between_tools"):
        if kind in family.thinking:
            document["thinking"] = {"type": kind}
            return
    if family.thinking_default == "always" and wish.on is False:
        wish.effort = "low"
        to.lose(wish.path, "this model always thinks: the lowest effort is asked for")


def _set_effort(wish: ThinkingWish, family: ClaudeFamily, document: dict[str, Any], to: Losses) -> None:
    if not family.efforts:
        if "thinking" not in document and wish.on is None:
            to.lose(wish.effort_path, "this model knows no effort")
        return
    off = document.get("thinking", {}).get("type") in ("disabled", "between_tools")
    accepted = tuple(name for name in family.efforts if not off or name in HIGHEST_WHEN_OFF)
    wanted = wish.effort or "high"
    found = nearest_effort(wanted, accepted)
    if wanted not in (found, "minimal"):
        to.lose(wish.effort_path or wish.path, f"this model takes {found} at most here")
    document.setdefault("output_config", {})["effort"] = found


def native_thinking(
    family: ClaudeFamily, thinking: Any, effort: Any, max_tokens: Any, output_config: Any
) -> dict[str, Any]:
    """The gateway's extensions on the Messages dialect -> the fields to set. Anthropic's own object stays as it is."""
    wish = ThinkingWish()
    wish.take_thinking(None if isinstance(thinking, Mapping) else thinking)
    wish.take_effort(effort, "effort", switches=thinking is None)
    if wish.on is None and wish.effort is None:
        return {}
    config = output_config if isinstance(output_config, dict) else {}
    made: dict[str, Any] = {"max_tokens": max_tokens}
    tell_claude(wish, family, made, Losses(), forced=False)
    del made["max_tokens"]
    if "output_config" in made:
        made["output_config"] = {**made["output_config"], **config}
    return made
