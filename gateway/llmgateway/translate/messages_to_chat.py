"""Messages request -> Chat Completions upstream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llmgateway.translate import messages_blocks
from llmgateway.translate.chat_document import ChatDocument
from llmgateway.translate.messages_tools import choose_tool, declare_tools
from llmgateway.translate.messages_user_blocks import note_block_fields
from llmgateway.translate.request_document import nothing, sample, wish_effort, wish_thinking
from llmgateway.translate.rules import Rule, Table
from llmgateway.translate.shapes import list_at, object_at, text_at
from llmgateway.translate.translated import Target, Translated

BILLING_HEADER = "x-anthropic-billing-header:"
"""Claude Code's attribution: no instruction, and different per version, so it would cost every prefix cache."""


def messages_to_chat(request: Mapping[str, Any], target: Target) -> Translated:
    """Raises TurnRefused for what has no meaning upstream, with the field's path."""
    to = ChatDocument(target)
    FIELDS.apply(to, request)
    if "messages" not in request:
        list_at(None, "messages")
    messages_blocks.remove_tools(to)
    if request.get("max_tokens") is None and target.default_max_tokens is not None:
        to.max_tokens(target.default_max_tokens)
    return to.finish()


def _system(to: ChatDocument, value: Any) -> None:
    if isinstance(value, str):
        to.conversation.system(value, "system")
        return
    texts: list[str] = []
    for index, item in enumerate(list_at(value, "system")):
        path = f"system[{index}]"
        block = object_at(item, path)
        text = text_at(block.get("text"), f"{path}.text")
        if index == 0 and text.startswith(BILLING_HEADER):
            continue
        note_block_fields(to, block, path)
        if text:
            texts.append(text)
    to.conversation.system("\n\n".join(texts), "system")


def _max_tokens(to: ChatDocument, value: Any) -> None:
    if value == 0 and not isinstance(value, bool):
        to.lose("max_tokens", "0 (only warm the cache) is unknown upstream: one token is asked for")
        value = 1
    to.max_tokens(value)


def _top_k(to: ChatDocument, value: Any) -> None:
    if to.openai:
        to.lose("top_k", "OpenAI has no top_k")
    else:
        to.document["top_k"] = value


def _user_id(to: ChatDocument, value: Any) -> None:
    to.user(text_at(value, "metadata.user_id"))


def _effort(to: ChatDocument, value: Any) -> None:
    to.wish.take_effort(value, "output_config.effort", switches=False)


def _format(path: str) -> Callable[[ChatDocument, Any], None]:
    def put(to: ChatDocument, value: Any) -> None:
        wanted = object_at(value, path)
        if wanted.get("type") == "json_schema":
            to.json_schema("output", wanted.get("schema"), path, strict=True)
        else:
            to.lose(path, "only json_schema is known")

    return put


METADATA: Table[ChatDocument] = Table(
    Rule("user_id", "carried", "user", "more than 64 characters are hashed (SHA-256) for OpenAI", _user_id)
)
OUTPUT_CONFIG: Table[ChatDocument] = Table(
    Rule("effort", "approximated", "reasoning_effort", "the nearest effort that the upstream knows", _effort),
    Rule(
        "format",
        "carried",
        "response_format",
        "json_schema, strict where the upstream takes it",
        _format("output_config.format"),
    ),
    Rule("task_budget", "dropped", reason="chat upstreams have no budget of tokens per task"),
)
FIELDS: Table[ChatDocument] = Table(
    Rule("model", "carried", "model", "as the upstream names it", nothing),
    Rule("system", "carried", "messages[0]", "one leading system message, blocks joined by blank lines", _system),
    Rule("tools", "carried", "tools", "custom tools as functions; see tools below", declare_tools),
    Rule("tool_choice", "carried", "tool_choice, parallel_tool_calls", "any = required", choose_tool),
    Rule("thinking", "approximated", "chat_template_kwargs, reasoning_effort",
         "the model family's switch; a budget becomes the effort that it buys", wish_thinking),
    Rule("output_config", "carried", "", "field by field", lambda to, value: OUTPUT_CONFIG.apply(
        to, object_at(value, "output_config"), "output_config.")),
    Rule("output_format", "carried", "response_format", "older place of output_config.format",
         _format("output_format")),
    Rule("effort", "consumed", "reasoning_effort", "the gateway's own extension", wish_effort("effort")),
    Rule("profile", "consumed", reason="the gateway's own extension"),
    Rule("conversation_id", "consumed", reason="the gateway's own extension"),
    Rule("messages", "carried", "messages", "see content below", messages_blocks.add_messages),
    Rule("max_tokens", "carried", "max_tokens", "max_completion_tokens for OpenAI", _max_tokens),
    Rule("stop_sequences", "carried", "stop", "the first four for OpenAI",
         lambda to, value: to.stop(list_at(value, "stop_sequences"), "stop_sequences")),
    Rule("temperature", "carried", "temperature", "dropped for OpenAI models that always reason",
         sample("temperature")),
    Rule("top_p", "carried", "top_p", "dropped for OpenAI models that always reason", sample("top_p")),
    Rule("top_k", "carried", "top_k", "dropped for OpenAI, which has none", _top_k),
    Rule("metadata", "carried", "", "field by field",
         lambda to, value: METADATA.apply(to, object_at(value, "metadata"), "metadata.")),
    Rule("stream", "carried", "stream, stream_options", "usage is always asked for",
         lambda to, value: to.stream(value)),
    Rule("cache_control", "dropped", reason="chat servers cache prefixes by themselves"),
    Rule("service_tier", "dropped", reason="Anthropic's own", harmless=("auto",)),
    Rule("speed", "dropped", reason="Anthropic's own", harmless=("standard",)),
    Rule("container", "dropped", reason="server-side tools are Anthropic's own"),
    Rule("context_management", "dropped", reason="Anthropic's own; the gateway's pruning policy is set in its spec"),
    Rule("compaction", "dropped", reason="Anthropic's own"),
    Rule("mcp_servers", "dropped", reason="chat upstreams call no MCP servers"),
    Rule("fallbacks", "dropped", reason="the gateway's own routes decide"),
    Rule("fallback_credit_token", "dropped", reason="Anthropic's own"),
    Rule("billing_policy", "dropped", reason="Anthropic's own"),
    Rule("thread", "dropped", reason="Anthropic's own"),
    Rule("diagnostics", "dropped", reason="Anthropic's own"),
    Rule("inference_geo", "dropped", reason="Anthropic's own"),
    Rule("user_profile_id", "dropped", reason="Anthropic's own"),
    Rule("workspace_id", "dropped", reason="Anthropic's own"),
    Rule("betas", "dropped", reason="Anthropic's own"),
)  # fmt: skip
"""Fields of a Messages request (Anthropic API reference, with its beta fields)."""
