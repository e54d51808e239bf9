"""Words of a chat message that streams and whole answers share."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from llmgateway.dialects.reply import Reply
from llmgateway.events import Citation, FinishReason, ToolIdentity

FINISH_REASON: dict[FinishReason, str] = {
    "stop": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "refusal": "content_filter",
    "context_window": "length",
    "pause": "stop",
}


def client_tool(reply: Reply, name: str) -> ToolIdentity:
    """What the client calls an upstream tool."""
    return reply.tools.get(name) or ToolIdentity(name)


def call_id(reply: Reply, index: int, upstream_id: str) -> str:
    """The upstream's id of a call, or one made of the answer's."""
    if upstream_id:
        return upstream_id
    return f"call_{hashlib.sha256(f'{reply.id}/{index}'.encode()).hexdigest()[:24]}"


def url_citations(citations: Sequence[Citation], start: int, end: int) -> list[dict[str, Any]]:
    """`url_citation` for each source with an address; `start` and `end` are characters of the content."""
    return [_annotation(citation, start, end) for citation in citations if citation.url]


def _annotation(citation: Citation, start: int, end: int) -> dict[str, Any]:
    if citation.payload.get("type") == "url_citation":
        return citation.payload
    cited = {"end_index": end, "start_index": start, "title": citation.title, "url": citation.url}
    return {"type": "url_citation", "url_citation": cited}
