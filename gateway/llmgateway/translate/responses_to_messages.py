"""Responses request -> Anthropic Messages upstream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgateway.translate.chat_messages import blocks_of
from llmgateway.translate.messages_document import MessagesDocument, user_id
from llmgateway.translate.responses_fields import CHOICE_RULES, SHARED_RULES, TOOL_RULES, text_format
from llmgateway.translate.responses_items import Turns, add_items
from llmgateway.translate.responses_parts import Parts
from llmgateway.translate.rules import Rule, Table
from llmgateway.translate.shapes import object_at, refuse, text_at
from llmgateway.translate.translated import Target, Translated
from llmgateway.wire import reasoning_token


def responses_to_messages(request: Mapping[str, Any], target: Target) -> Translated:
    """`input` holds the items of earlier responses already. Raises TurnRefused with the field's path.

    Late developer messages stay in place where the model takes them: moved up, they would break the prefix that
    thinking signatures are bound to.
    """
    to = MessagesDocument(target, held="input", system_in_place=target.system_messages in (None, "Keep"))
    FIELDS.apply(to, request)
    if request.get("input") is None:
        refuse("input", "is required")
    return to.finish()


class MessagesTurns(Turns):
    """Items into an Anthropic conversation."""

    to: MessagesDocument

    def system(self, text: str, path: str) -> None:
        self.to.conversation.system([{"type": "text", "text": text}], path)

    def user(self, parts: Parts, path: str) -> None:
        self.to.conversation.user(blocks_of(self.to, parts, path))

    def assistant(self, texts: list[str]) -> None:
        self.to.conversation.assistant({"type": "text", "text": text} for text in texts)

    def reasoning(self, thinking: str, signature: str | None, path: str) -> None:
        if signature is None or reasoning_token.is_own(signature):
            self.to.lose_kind("reasoning", path, "no Anthropic model signed this reasoning")
            return
        self.to.conversation.assistant([{"type": "thinking", "thinking": thinking, "signature": signature}])

    def call(self, call_id: str, name: str, arguments: str | dict[str, Any], path: str) -> None:
        self.to.conversation.call(call_id, name, self.to.arguments(arguments, path))

    def result(self, call_id: str, output: str | Parts, path: str) -> None:
        content = output if isinstance(output, str) else self._blocks(output, path.removesuffix(".call_id"))
        self.to.conversation.result(call_id, content, path)

    def _blocks(self, parts: Parts, path: str) -> list[dict[str, Any]]:
        blocks = blocks_of(self.to, parts, f"{path}.output")
        return [block for block in blocks if block["type"] != "text" or block["text"]]


def _max_tokens(to: MessagesDocument, value: Any) -> None:
    to.document["max_tokens"] = value


def _stream(to: MessagesDocument, value: Any) -> None:
    to.document["stream"] = value is True


def _service_tier(to: MessagesDocument, value: Any) -> None:
    if value in ("auto", "default"):
        to.document["service_tier"] = "auto" if value == "auto" else "standard_only"
    else:
        to.lose("service_tier", "Anthropic has no such tier")


def _instructions(to: MessagesDocument, value: Any) -> None:
    to.conversation.system([{"type": "text", "text": text_at(value, "instructions")}], "instructions")


TEXT: Table[MessagesDocument] = Table(
    Rule("format", "carried", "output_config.format",
         "closed objects; json_object, and schemas for models before 4.1, as an instruction", text_format),
    Rule("verbosity", "dropped", reason="Anthropic has no such field", harmless=("medium",)),
)  # fmt: skip
FIELDS: Table[MessagesDocument] = Table(
    *TOOL_RULES,
    *SHARED_RULES,
    Rule("instructions", "carried", "system", "the first block", _instructions),
    Rule("input", "carried", "system, messages", "see items below",
         lambda to, value: add_items(MessagesTurns(to), value)),
    *CHOICE_RULES,
    Rule("max_output_tokens", "carried", "max_tokens", "else the backend's default, or at most 32000", _max_tokens),
    Rule("text", "carried", "", "field by field", lambda to, value: TEXT.apply(to, object_at(value, "text"), "text.")),
    Rule("stream", "carried", "stream", "", _stream),
    Rule("top_logprobs", "dropped", reason="Anthropic tells no probabilities", harmless=(0,)),
    Rule("user", "carried", "metadata.user_id", "", user_id),
    Rule("safety_identifier", "carried", "metadata.user_id", "where user is not given", user_id),
    Rule("service_tier", "approximated", "service_tier", "default = standard_only; others are dropped", _service_tier),
    Rule("prompt_cache_key", "consumed", reason="the gateway keeps a conversation on one upstream by itself"),
    Rule("prompt_cache_options", "dropped", reason="OpenAI's own; breakpoints in messages are carried"),
    Rule("prompt_cache_retention", "dropped", reason="OpenAI's own"),
    Rule("moderation", "dropped", reason="OpenAI's own"),
)  # fmt: skip
"""Fields of a Responses request (OpenAI API reference), and `client_metadata`, which Codex sends."""
