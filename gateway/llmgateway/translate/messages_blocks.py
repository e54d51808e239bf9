"""Anthropic's messages -> turns of a chat upstream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgateway.translate.chat_conversation import ChatCall
from llmgateway.translate.chat_document import ChatDocument
from llmgateway.translate.messages_user_blocks import USER_BLOCKS, blocks_of, note_block_fields, unknown_block
from llmgateway.translate.rules import Rule, Table
from llmgateway.translate.shapes import kind_of, list_at, name_at, object_at, refuse, text_at
from llmgateway.wire import json_codec, reasoning_token

_MESSAGE_FIELDS = frozenset({"role", "content", "output_config"})


def add_messages(to: ChatDocument, value: Any) -> None:
    """Every message, in one pass."""
    messages = list_at(value, "messages")
    if not messages:
        refuse("messages", "at least one message is required")
    for index, item in enumerate(messages):
        path = f"messages[{index}]"
        message = object_at(item, path)
        role = message.get("role")
        if role == "user":
            _user(to, message.get("content"), f"{path}.content")
        elif role == "assistant":
            _assistant(to, message.get("content"), f"{path}.content")
        elif role == "system":
            _system(to, message, path)
        else:
            refuse(f"{path}.role", "must be user, assistant or system")
        if not message.keys() <= _MESSAGE_FIELDS:
            _note_message_fields(to, message, path)


def _note_message_fields(to: ChatDocument, message: Mapping[str, Any], path: str) -> None:
    for name, content in message.items():
        if name not in _MESSAGE_FIELDS and content is not None:
            to.lose_kind(f"message.{name}", f"{path}.{name}", "not known to a chat upstream")


def _user(to: ChatDocument, content: Any, path: str) -> None:
    if isinstance(content, str):
        to.conversation.user([content])
        return
    for index, block in enumerate(blocks_of(content, path)):
        at = f"{path}[{index}]"
        note_block_fields(to, block, at)
        rule = USER_BLOCKS.by_field.get(kind_of(block))
        if rule is not None and rule.apply is not None:
            rule.apply(to, (block, at))
        else:
            to.conversation.user(unknown_block(to, block, at))


def _assistant(to: ChatDocument, content: Any, path: str) -> None:
    texts: list[str] = []
    calls: list[ChatCall] = []
    reasoning: list[str] = []
    joins = False
    for index, block in enumerate(blocks_of(content, path)):
        at = f"{path}[{index}]"
        note_block_fields(to, block, at)
        kind = kind_of(block)
        if kind == "text":
            _add_text(texts, text_at(block.get("text"), f"{at}.text"), joins=joins)
        elif kind == "tool_use":
            calls.append(_call(to, block, at))
        elif kind in ("thinking", "redacted_thinking"):
            reasoning.extend(_reasoning(to, block, at))
        elif kind == "compaction" and isinstance(block.get("content"), str):
            texts.append(block["content"])
        else:
            texts.extend(unknown_block(to, block, at))
        joins = kind == "text"
    to.conversation.assistant(texts, calls, "\n\n".join(reasoning))


def _add_text(texts: list[str], text: str, *, joins: bool) -> None:
    """Text blocks side by side are one text, cut where citations begin."""
    if joins and texts:
        texts[-1] += text  # CPython appends in place where nothing else holds the string
    else:
        texts.append(text)


def _call(to: ChatDocument, block: Mapping[str, Any], path: str) -> ChatCall:
    name = name_at(block.get("name"), f"{path}.name")
    arguments = block.get("input")
    text = json_codec.encode(arguments).decode() if arguments else "{}"
    return ChatCall(text_at(block.get("id"), f"{path}.id"), to.names.of(name), text)


def _reasoning(to: ChatDocument, block: Mapping[str, Any], path: str) -> list[str]:
    if not reasoning_token.is_own(block.get("signature")):
        to.lose_kind("thinking", path, "the reasoning of another vendor's model, which this one can't continue")
        return []
    text = text_at(block.get("thinking"), f"{path}.thinking")
    return [text] if text and to.carries_reasoning else []


def _system(to: ChatDocument, message: Mapping[str, Any], path: str) -> None:
    config = message.get("output_config")
    if isinstance(config, Mapping):
        to.wish.take_effort(config.get("effort"), f"{path}.output_config.effort", switches=False)
    texts: list[str] = []
    for index, block in enumerate(blocks_of(message.get("content"), f"{path}.content")):
        at = f"{path}.content[{index}]"
        kind = kind_of(block)
        note_block_fields(to, block, at)
        if kind == "text":
            texts.append(text_at(block.get("text"), f"{at}.text"))
        elif kind in ("tool_addition", "tool_removal"):
            _change_tools(to, block, at, removes=kind == "tool_removal")
        else:
            texts.extend(unknown_block(to, block, at))
    to.conversation.system("\n\n".join(text for text in texts if text), path)


def _change_tools(to: ChatDocument, block: Mapping[str, Any], path: str, *, removes: bool) -> None:
    tool = object_at(block.get("tool"), f"{path}.tool")
    if kind_of(tool) != "tool_reference":
        to.lose(path, "only changes of the client's own tools are known upstream")
        return
    name = to.names.of(name_at(tool.get("name"), f"{path}.tool.name"))
    (to.dropped_tools.add if removes else to.dropped_tools.discard)(name)


def remove_tools(to: ChatDocument) -> None:
    """Take out the tools that a `tool_removal` ended with, once every message was read."""
    for name in to.dropped_tools & to.tools.keys():
        del to.tools[name]
    if isinstance(to.choice, dict) and to.choice["function"]["name"] not in to.tools:
        to.lose("tool_choice", "the tool was removed")
        to.choice = None


OTHER_BLOCKS: Table[ChatDocument] = Table(
    Rule("assistant text", "carried", "assistant content", "its place between calls is lost"),
    Rule("assistant tool_use", "carried", "tool_calls", "compact JSON in the client's key order, {} when empty"),
    Rule("assistant thinking", "approximated", "reasoning_content", "an open model's own, since the user's last text, "
         "for vLLM and llama.cpp; a signed one of Anthropic's is dropped"),
    Rule("assistant redacted_thinking", "dropped", reason="only its producer can read it"),
    Rule("assistant compaction", "approximated", "assistant content", "the summary as text"),
    Rule("assistant server_tool_use and results", "dropped", reason="ran on Anthropic's servers; the text says what "
         "was found"),
    Rule("system message", "approximated", "user content or system",
         "as systemMessages of the backend says; output_config.effort of the "
         "last one counts"),
    Rule("system tool_addition, tool_removal", "approximated", "tools", "removed tools are left out"),
    Rule("cache_control, citations of a block", "dropped", reason="chat servers cache prefixes by themselves and "
         "cite nothing"),
)  # fmt: skip
"""What else a history holds, for the fidelity page."""
