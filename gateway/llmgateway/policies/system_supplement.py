"""The text that an agent's system prompt ends with (`policy.agentLoop.supplement`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgateway.policies.conversation import Dialect, Document
from llmgateway.policies.message_content import texts_of, with_text_added

_SYSTEM_ROLES = ("system", "developer")


def supplemented(document: Document, dialect: Dialect, text: str) -> Document:
    """The document with `text` at the end of its system prompt; the same one where it is there already, or empty."""
    if not text.strip():
        return document
    if dialect == "messages":
        system = document.get("system")
        return document if _ends_with(system, text) else {**document, "system": with_text_added(system, text)}
    messages = document.get("messages")
    if not isinstance(messages, list):
        return document
    if not (messages and isinstance(messages[0], Mapping) and messages[0].get("role") in _SYSTEM_ROLES):
        return {**document, "messages": [{"role": "system", "content": text}, *messages]}
    first = messages[0]
    if _ends_with(first.get("content"), text):
        return document
    return {**document, "messages": [{**first, "content": with_text_added(first.get("content"), text)}, *messages[1:]]}


def _ends_with(content: Any, text: str) -> bool:
    texts = texts_of(content)
    return bool(texts) and texts[-1].endswith(text)
