"""Keeps weak models calling tools while an agent's loop runs, and lets go of them before they run in circles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from llmgateway.fold import Answer, OpaqueBlock, RefusalBlock
from llmgateway.policies.conversation import Dialect, Document
from llmgateway.policies.tool_turns import Loop
from llmgateway.profiles import claude_family
from llmgateway_api.policy import AgentLoop

Release = Literal["repeats", "forced", "window"]
REQUIRED: Mapping[str, Any] = {"chat": "required", "messages": {"type": "any"}}
"""`tool_choice` that makes a model call some tool."""


class Decision(Struct, frozen=True):
    """`leave`: the client decides, or no loop runs. `force`: tool_choice is required. `release`: a breaker let go."""

    act: Literal["leave", "force", "release"] = "leave"
    reason: Release | None = None


LEAVE = Decision()


def decide(
    document: Document, dialect: Dialect, loop: Loop, settings: AgentLoop, *, forced: int, utilisation: float
) -> Decision:
    """`forced`: turns in a row that were forced so far; `utilisation`: share of the window that the prompt fills."""
    if not settings.force_tools or not loop.active or not may_force(document, dialect):
        return LEAVE
    reason = release_reason(loop, settings, forced=forced, utilisation=utilisation)
    return Decision("force") if reason is None else Decision("release", reason)


def release_reason(loop: Loop, settings: AgentLoop, *, forced: int, utilisation: float) -> Release | None:
    """Why tools are no longer forced; None while they are."""
    if utilisation > settings.release_at:
        return "window"
    if loop.idle < settings.no_progress_limit:
        return None
    if loop.repeats >= settings.repeat_limit:
        return "repeats"
    return "forced" if forced >= settings.forced_limit else None


def may_force(document: Document, dialect: Dialect) -> bool:
    """There are tools, the client chose nothing itself, and the model takes it: Claude refuses a forced tool while it
    thinks (Anthropic: extended thinking with tool use)."""
    if not document.get("tools") or document.get("tool_choice") is not None:
        return False
    return dialect == "chat" or not _claude_thinks(document)


def forced(document: Document, dialect: Dialect) -> dict[str, Any]:
    """The document with tool_choice required."""
    return {**document, "tool_choice": REQUIRED[dialect]}


def retry_due(
    answer: Answer, decision: Decision, settings: AgentLoop, *, retried: bool = False, sent: bool = False
) -> bool:
    """Whether a turn that ended without a tool call inside an active loop gets one more try, with `forced`.

    Only where this turn was forced (a client's choice and a breaker both win), once, and before the client saw any of
    it (`sent`). Refusals, cut answers and failures are answers.
    """
    if not (settings.guardrail_retry and decision.act == "force") or retried or sent:
        return False
    if answer.failure is not None or answer.finish is None or answer.finish.reason != "stop":
        return False
    return not answer.tool_calls and not any(isinstance(block, RefusalBlock | OpaqueBlock) for block in answer.blocks)


def _claude_thinks(document: Document) -> bool:
    thinking, model = document.get("thinking"), document.get("model")
    if isinstance(thinking, Mapping):
        return thinking.get("type") not in ("disabled", "between_tools")
    return claude_family(model if isinstance(model, str) else "").thinking_default != "off"
