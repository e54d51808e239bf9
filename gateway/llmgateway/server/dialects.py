"""The dialects by name: what clients may speak, and what upstreams speak."""

from __future__ import annotations

from llmgateway.dialects import anthropic_messages, openai_chat, openai_responses
from llmgateway.dialects.reply import ClientDialect, UpstreamDialect

DIALECTS: dict[str, ClientDialect] = {
    "chat": openai_chat.DIALECT,
    "messages": anthropic_messages.DIALECT,
    "responses": openai_responses.DIALECT,
}
UPSTREAM_DIALECTS: dict[str, UpstreamDialect] = {
    "chat": openai_chat.DIALECT,
    "messages": anthropic_messages.DIALECT,
}
