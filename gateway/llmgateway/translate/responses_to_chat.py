"""Responses request -> Chat Completions upstream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llmgateway.translate.chat_conversation import ChatCall, Part
from llmgateway.translate.chat_document import ChatDocument
from llmgateway.translate.media import file_piece
from llmgateway.translate.responses_fields import CHOICE_RULES, SHARED_RULES, TOOL_RULES, text_format
from llmgateway.translate.responses_items import Turns, add_items
from llmgateway.translate.responses_parts import Parts
from llmgateway.translate.rules import Rule, Table
from llmgateway.translate.shapes import object_at, refuse, text_at
from llmgateway.translate.translated import Target, Translated
from llmgateway.wire import json_codec

RAW = "_raw"


def responses_to_chat(request: Mapping[str, Any], target: Target) -> Translated:
    """`input` holds the items of earlier responses already. Raises TurnRefused with the field's path."""
    to = ChatDocument(target, held="input")
    FIELDS.apply(to, request)
    if request.get("input") is None:
        refuse("input", "is required")
    if request.get("max_output_tokens") is None and target.default_max_tokens is not None:
        to.max_tokens(target.default_max_tokens)
    return to.finish()


class ChatTurns(Turns):
    """Items into a chat conversation."""

    to: ChatDocument

    def system(self, text: str, path: str) -> None:
        self.to.conversation.system(text, path)

    def user(self, parts: Parts, path: str) -> None:
        self.to.conversation.user(self._pieces(parts, path))

    def assistant(self, texts: list[str]) -> None:
        self.to.conversation.assistant(texts)

    def reasoning(self, thinking: str, signature: str | None, path: str) -> None:
        if signature is not None:
            self.to.lose_kind(
                "reasoning", path, "the reasoning of another vendor's model, which this one can't continue"
            )
        elif self.to.carries_reasoning:
            self.to.conversation.assistant([], reasoning=thinking)

    def call(self, call_id: str, name: str, arguments: str | dict[str, Any], path: str) -> None:
        text = arguments if isinstance(arguments, str) else json_codec.encode(arguments).decode()
        self.to.conversation.assistant([], [ChatCall(call_id, name, self._legal(text, path))])

    def result(self, call_id: str, output: str | Parts, path: str) -> None:
        if isinstance(output, str):
            self.to.conversation.result(call_id, output, (), path)
            return
        pieces = self._pieces(output, path.removesuffix(".call_id") + ".output")
        texts = [piece for piece in pieces if isinstance(piece, str) and piece]
        media: list[Part] = [piece for piece in pieces if not isinstance(piece, str)]
        if media:
            texts.append("[the images and files of this result are in the next user message]")
            media.insert(0, f"[images and files of the result of tool call {call_id}]")
        self.to.conversation.result(call_id, "\n\n".join(texts), media, path)

    def _legal(self, text: str, path: str) -> str:
        """Templates parse the arguments of a history: what is no JSON there fails the whole request."""
        if not text.strip():
            return "{}"
        if self.to.openai:
            return text
        try:
            json_codec.decode(text)
        except json_codec.InvalidJSON:
            self.to.lose(path, f"no JSON: kept as text under {RAW}")
            return json_codec.encode({RAW: text}).decode()
        return text

    def _pieces(self, parts: Parts, path: str) -> list[Part]:
        return [self._piece(part, f"{path}[{index}]") for index, part in enumerate(parts)]

    def _piece(self, part: dict[str, Any], path: str) -> Part:
        kind = part["type"]
        if kind in ("text", "refusal"):
            return text_at(part[kind], path)
        if kind != "file":
            part.pop("prompt_cache_breakpoint", None)
            return part
        file = part["file"]
        if isinstance(file.get("file_data"), str):
            name = file.get("filename")
            return file_piece(file["file_data"], name if isinstance(name, str) else "file", self.to.target, path)
        if self.to.openai and isinstance(file.get("file_id"), str):
            return {"type": "file", "file": {"file_id": file["file_id"]}}
        return refuse(path, "a file needs its content here: URLs and file ids don't reach this upstream")


def _top_logprobs(to: ChatDocument, value: Any) -> None:
    to.document |= {"logprobs": True, "top_logprobs": value}


def _prompt_cache_key(to: ChatDocument, value: Any) -> None:
    if to.openai:
        to.document["prompt_cache_key"] = value


def only_openai(name: str, path: str, *harmless: Any) -> Callable[[ChatDocument, Any], None]:
    """A field that OpenAI's own API alone takes; elsewhere a loss."""

    def put(to: ChatDocument, value: Any) -> None:
        if to.openai:
            to.document[name] = value
        elif value not in harmless:
            to.lose(path, "OpenAI's own")

    return put


TEXT: Table[ChatDocument] = Table(
    Rule("format", "carried", "response_format", "name, schema and strict lie under json_schema there", text_format),
    Rule("verbosity", "carried", "verbosity", "dropped for other servers than OpenAI",
         only_openai("verbosity", "text.verbosity", "medium")),
)  # fmt: skip
FIELDS: Table[ChatDocument] = Table(
    *TOOL_RULES,
    *SHARED_RULES,
    Rule("instructions", "carried", "messages[0]", "one leading system message, with leading developer messages",
         lambda to, value: to.conversation.system(text_at(value, "instructions"), "instructions")),
    Rule("input", "carried", "messages", "see items below", lambda to, value: add_items(ChatTurns(to), value)),
    *CHOICE_RULES,
    Rule("max_output_tokens", "carried", "max_tokens", "max_completion_tokens for OpenAI",
         lambda to, value: to.max_tokens(value)),
    Rule("text", "carried", "", "field by field", lambda to, value: TEXT.apply(to, object_at(value, "text"), "text.")),
    Rule("stream", "carried", "stream, stream_options", "usage is always asked for", lambda to,
         value: to.stream(value)),
    Rule("top_logprobs", "carried", "logprobs, top_logprobs", "", _top_logprobs),
    Rule("user", "carried", "user", "more than 64 characters are hashed (SHA-256) for OpenAI",
         lambda to, value: to.user(value)),
    Rule("safety_identifier", "carried", "safety_identifier", "dropped for other servers than OpenAI",
         only_openai("safety_identifier", "safety_identifier")),
    Rule("service_tier", "carried", "service_tier", "dropped for other servers than OpenAI",
         only_openai("service_tier", "service_tier", "auto", "default")),
    Rule("prompt_cache_key", "carried", "prompt_cache_key", "for OpenAI; elsewhere the gateway itself keeps a "
         "conversation "
         "on one upstream", _prompt_cache_key),
    Rule("prompt_cache_options", "carried", "prompt_cache_options", "dropped for other servers than OpenAI",
         only_openai("prompt_cache_options", "prompt_cache_options")),
    Rule("prompt_cache_retention", "carried", "prompt_cache_retention", "dropped for other servers than OpenAI",
         only_openai("prompt_cache_retention", "prompt_cache_retention")),
    Rule("moderation", "carried", "moderation", "dropped for other servers than OpenAI",
         only_openai("moderation", "moderation")),
)  # fmt: skip
"""Fields of a Responses request (OpenAI API reference), and `client_metadata`, which Codex sends."""
