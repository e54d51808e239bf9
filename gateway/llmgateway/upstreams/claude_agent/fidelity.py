"""What of a Messages request does not reach the API through a session: for `x-llmgateway-dropped`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmgateway.translate.translated import Loss
from llmgateway.upstreams.claude_agent.conversation import DROPPED_BLOCKS

CACHE = "the agent sets its own cache breakpoints"
THINKING = "the agent leaves thinking out of a history that is told again"
CITATIONS = "the agent leaves citations out of a history that is told again"


def losses_of(document: Mapping[str, Any]) -> list[Loss]:
    """Losses with their paths; of cache breakpoints the first one of each field."""
    losses = [Loss("cache_control", CACHE)] if document.get("cache_control") is not None else []
    for field in ("system", "tools"):
        losses += _first_breakpoint(document.get(field), field)
    found = list(_in_messages(document.get("messages")))
    breakpoints = [loss for loss in found if loss.reason is CACHE]
    return losses + [loss for loss in found if loss.reason is not CACHE] + breakpoints[:1]


def _first_breakpoint(value: Any, field: str) -> list[Loss]:
    for index, entry in enumerate(value if isinstance(value, list) else []):
        if isinstance(entry, dict) and entry.get("cache_control") is not None:
            return [Loss(f"{field}[{index}].cache_control", CACHE)]
    return []


def _in_messages(messages: Any) -> Iterator[Loss]:
    for number, message in enumerate(messages if isinstance(messages, list) else []):
        content = message.get("content") if isinstance(message, dict) else None
        for index, block in enumerate(content if isinstance(content, list) else []):
            if isinstance(block, dict):
                yield from _in_block(block, f"messages[{number}].content[{index}]", message.get("role"))


def _in_block(block: Mapping[str, Any], path: str, role: Any) -> Iterator[Loss]:
    if block.get("type") in DROPPED_BLOCKS:
        yield Loss(path, THINKING)
    elif role == "assistant" and block.get("citations"):
        yield Loss(f"{path}.citations", CITATIONS)
    if block.get("cache_control") is not None:
        yield Loss(f"{path}.cache_control", CACHE)
