"""Requests small enough for a web application firewall: a shorter system prompt, shorter assistant messages, and a
sliding window over the rest. Limits are characters; a tool call and its results go together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from llmgateway.policies.conversation import Conversation, Document, Unit, read
from llmgateway.policies.message_content import cut_to, json_size, texts_of, with_texts
from llmgateway.policies.shortened_document import keeps_thinking, shortened, without_thinking
from llmgateway_api.policy import Trimming

LEFT_OUT = "[earlier messages were left out here]"
"""Where the window begins with an assistant: a conversation begins with its user."""
_TEXT_FIELDS = ("content", "role", "type")


class Trimmed(Struct, frozen=True, kw_only=True):
    """What trimming came to: characters of system and assistant text that went, and messages."""

    document: Document
    system: int
    assistant: int
    messages: int
    over: int
    """Characters above the limit: the newest message (or tool call with its results) is longer than the window."""


def trim(document: Document, conversation: Conversation, limits: Trimming) -> Trimmed | None:
    """The trimmed document; None when it is small enough, or trimming is off."""
    if not limits.enabled:
        return None
    made, system = _trimmed_system(document, conversation, limits)
    made, assistant = _trimmed_assistants(made, conversation, limits)
    left = read(made, conversation.dialect)
    dropped, over, marker = _outside_window(left, limits.total_characters)
    if not (system or assistant or dropped):
        return None
    made = shortened(made, left, dropped, replaced={}, marker=marker)
    if conversation.dialect == "messages" and not keeps_thinking(document):
        made = without_thinking(made)
    return Trimmed(document=made, system=system, assistant=assistant, messages=len(dropped), over=over)


def _trimmed_system(document: Document, conversation: Conversation, limits: Trimming) -> tuple[Document, int]:
    """All system texts count as one."""
    places = [place for place, message in enumerate(conversation.messages) if message.role == "system"]
    held = [document.get("system"), *(_content(conversation.raw[place]) for place in places)]
    texts = [texts_of(content) for content in held]
    flat = [text for group in texts for text in group]
    cut = cut_to(flat, limits.system_characters, limits.head_share)
    if cut == flat:
        return document, 0
    rest = iter(cut)
    made = [
        with_texts(content, [next(rest) for _ in group]) if group else content
        for content, group in zip(held, texts, strict=True)
    ]
    messages = list(conversation.raw)
    for place, content in zip(places, made[1:], strict=True):
        messages[place] = {**messages[place], "content": content}
    own = {"system": made[0]} if "system" in document else {}
    return {**document, **own, "messages": messages}, sum(map(len, flat)) - sum(map(len, cut))


def _trimmed_assistants(document: Document, conversation: Conversation, limits: Trimming) -> tuple[Document, int]:
    """Text only: a tool call's arguments are no text that could be cut."""
    gone = 0
    messages = document.get("messages")
    made = list(messages) if isinstance(messages, list) else []
    for place, message in enumerate(conversation.messages):
        if message.role != "assistant":
            continue
        content = _content(made[place])
        texts = texts_of(content)
        cut = cut_to(texts, limits.assistant_characters)
        if cut != texts:
            gone += sum(map(len, texts)) - sum(map(len, cut))
            made[place] = {**made[place], "content": with_texts(content, cut)}
    return ({**document, "messages": made}, gone) if gone else (document, 0)


def _outside_window(conversation: Conversation, limit: int) -> tuple[set[int], int, str]:
    """Places of the messages before the window, the characters by which the window is too long, and a marker where it
    begins with an assistant."""
    units = [unit for unit in conversation.units if unit.kind != "system"]
    if not units:
        return set(), 0, ""
    lengths = [_length(conversation, unit) for unit in units]
    first, total = len(units) - 1, lengths[-1]
    while first > 0 and total + lengths[first - 1] <= limit:
        first -= 1
        total += lengths[first]
    marker = ""
    if first > 0 and not _begins_with_user(conversation, units[first]):
        marker = LEFT_OUT
        total += len(marker)
        while first < len(units) - 1 and total > limit and not _begins_with_user(conversation, units[first]):
            total -= lengths[first]
            first += 1
        if _begins_with_user(conversation, units[first]):
            marker, total = "", total - len(marker)
    dropped = {place for unit in units[:first] for place in range(unit.start, unit.end)}
    return dropped, max(0, total - limit), marker


def _begins_with_user(conversation: Conversation, unit: Unit) -> bool:
    return conversation.messages[unit.start].role == "user"


def _length(conversation: Conversation, unit: Unit) -> int:
    return sum(_message_length(conversation.raw[place]) for place in range(unit.start, unit.end))


def _message_length(message: Any) -> int:
    """Characters of its texts, and of the JSON of everything else in it."""
    if not isinstance(message, Mapping):
        return json_size(message)
    content = message.get("content")
    others = {name: value for name, value in message.items() if name not in _TEXT_FIELDS and value is not None}
    length = json_size(others) if others else 0
    if isinstance(content, str):
        return length + len(content)
    texts = texts_of(content)
    return length + sum(map(len, texts)) + (json_size(_without_texts(content)) if content else 0)


def _without_texts(content: Any) -> Any:
    if not isinstance(content, list):
        return content
    return [block for block in content if not (isinstance(block, Mapping) and block.get("type") == "text")]


def _content(message: Any) -> Any:
    return message.get("content") if isinstance(message, Mapping) else None
