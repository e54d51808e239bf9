"""Words of a message that streams and whole answers share."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from llmgateway.dialects.anthropic_messages.usage import usage_object
from llmgateway.dialects.reply import Reply
from llmgateway.events import Citation, FinishReason, TurnFinished, Usage

STOP_REASON: dict[FinishReason, str] = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "refusal": "refusal",
    "context_window": "model_context_window_exceeded",
    "pause": "pause_turn",
}

_LEGAL_ID = re.compile(r"[A-Za-z0-9_-]+")


def message(reply: Reply, usage: Usage) -> dict[str, Any]:
    """A message without content that has not ended."""
    return {
        "id": f"msg_{reply.id}",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": usage_object(usage),
    }


def ending(finish: TurnFinished, refusal: str) -> dict[str, Any]:
    """`stop_reason`, `stop_sequence`, and for a refusal `stop_details`."""
    found: dict[str, Any] = {"stop_reason": STOP_REASON[finish.reason], "stop_sequence": finish.stop_sequence}
    if finish.reason == "refusal":
        explanation = finish.explanation or refusal or None
        found["stop_details"] = {"type": "refusal", "category": None, "explanation": explanation}
    return found


class ToolIds:
    """The client's ids of an answer's calls: the upstream's own where they are legal and unique, else made of it."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._given: set[str] = set()

    def id_of(self, index: int, upstream_id: str) -> str:
        """The id of one call; the same answer always gets the same ids."""
        found = upstream_id
        if found in self._given or not _LEGAL_ID.fullmatch(found):
            found = f"toolu_{hashlib.sha256(f'{self._reply.id}/{index}/{upstream_id}'.encode()).hexdigest()[:24]}"
        self._given.add(found)
        return found


def tool_name(reply: Reply, name: str) -> str:
    """What the client calls an upstream tool."""
    tool = reply.tools.get(name)
    return tool.name if tool else name


def citation_object(citation: Citation) -> dict[str, Any]:
    """Anthropic's own object; another producer's source as a web search result, without the encrypted part."""
    if str(citation.payload.get("type", "")).endswith("_location"):
        return citation.payload
    return {
        "type": "web_search_result_location",
        "url": citation.url,
        "title": citation.title,
        "encrypted_index": "",
        "cited_text": "",
    }
