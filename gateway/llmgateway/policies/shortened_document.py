"""Builds the request document that is left after messages were taken out.

Roles still alternate where they did: user messages that a gap made neighbours become one in chat documents (many chat
templates refuse two in a row); Anthropic joins them itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from llmgateway.policies.conversation import Conversation, Document
from llmgateway.policies.message_content import with_text_added

_SIGNED = ("thinking", "redacted_thinking")


def shortened(
    document: Document,
    conversation: Conversation,
    dropped: Collection[int],
    *,
    replaced: Mapping[int, Any],
    marker: str = "",
) -> dict[str, Any]:
    """The document without the `dropped` messages and with the `replaced` ones (both by their places).

    The marker stands at the end of the first user message, or, where that is not in front of the gap, in a user message
    of its own in the gap's place. Messages that nothing happened to are the same objects.
    """
    building = _Building(conversation.dialect == "chat")
    first_gap = min(dropped, default=None)
    user = conversation.first_user
    marked = user if marker and user is not None and first_gap is not None and user < first_gap else None
    for place, message in enumerate(conversation.raw):
        if place in dropped:
            if place == first_gap and marker and marked is None:
                building.add({"role": "user", "content": marker})
            building.gap = True
            continue
        kept = replaced.get(place, message)
        building.add(_with_marker(kept, marker) if place == marked else kept)
    return {**document, "messages": building.messages}


class _Building:
    def __init__(self, joins: bool) -> None:
        self.messages: list[Any] = []
        self.gap = False
        self._joins = joins

    def add(self, message: Any) -> None:
        if self.gap and self._joins and self.messages and _both_users(self.messages[-1], message):
            self.messages[-1] = _joined(self.messages[-1], message)
        else:
            self.messages.append(message)
        self.gap = False


def _both_users(first: Any, second: Any) -> bool:
    return all(
        isinstance(message, Mapping)
        and message.get("role") == "user"
        and isinstance(message.get("content"), str | list)
        and "name" not in message
        for message in (first, second)
    )


def _joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    before, after = first["content"], second["content"]
    if isinstance(before, str) and isinstance(after, str):
        return {**first, "content": "\n\n".join(text for text in (before, after) if text)}
    return {**first, "content": _parts(before) + _parts(after)}


def _parts(content: str | list[Any]) -> list[Any]:
    if isinstance(content, list):
        return content
    return [{"type": "text", "text": content}] if content else []


def _with_marker(message: Any, marker: str) -> Any:
    if not isinstance(message, Mapping):
        return message
    return {**message, "content": with_text_added(message.get("content"), marker)}


def keeps_thinking(document: Document) -> bool:
    """False where signed thinking is void once anything before it changed.

    `enabled` is taken by older models only; their signatures don't bind the conversation, and they want the thinking
    of an open tool loop back (Anthropic: extended thinking, "preserving thinking blocks").
    """
    thinking = document.get("thinking")
    return isinstance(thinking, Mapping) and thinking.get("type") == "enabled"


def without_thinking(document: dict[str, Any]) -> dict[str, Any]:
    """A messages document without any thinking block: all or none may go (Anthropic). Turns of thinking alone go."""
    kept = [bare for message in document["messages"] if (bare := _bare(message)) is not None]
    return {**document, "messages": kept}


def _bare(message: Any) -> Any:
    content = message.get("content") if isinstance(message, Mapping) else None
    if not isinstance(content, list) or message.get("role") != "assistant":
        return message
    kept = [block for block in content if not (isinstance(block, Mapping) and block.get("type") in _SIGNED)]
    if len(kept) == len(content):
        return message
    return {**message, "content": kept} if kept else None
