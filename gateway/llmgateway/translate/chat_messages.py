"""OpenAI's chat messages and content parts -> turns of an Anthropic upstream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgateway.translate.media import document_block, image_block
from llmgateway.translate.messages_conversation import Block
from llmgateway.translate.messages_document import MessagesDocument
from llmgateway.translate.rules import Rule, Table
from llmgateway.translate.shapes import kind_of, list_at, name_at, object_at, refuse, text_at

_PART_FIELDS = frozenset({"type", "text", "refusal", "image_url", "file", "prompt_cache_breakpoint"})
_KNOWN_FIELDS = frozenset({"role", "content", "tool_calls", "tool_call_id", "function_call", "annotations"})
_READ_ELSEWHERE = {("function", "name"), ("assistant", "refusal")}
_WITHOUT_COUNTERPART = {
    "name": "Anthropic knows no names of speakers",
    "reasoning_content": "reasoning without its producer's signature",
    "reasoning": "reasoning without its producer's signature",
    "audio": "spoken answers are known to OpenAI only",
}


def add_messages(to: MessagesDocument, value: Any) -> None:
    """Every message, in one pass."""
    messages = list_at(value, "messages")
    if not messages:
        refuse("messages", "at least one message is required")
    for index, item in enumerate(messages):
        path = f"messages[{index}]"
        message = object_at(item, path)
        role = message.get("role")
        add = _ROLES.get(role) if isinstance(role, str) else None
        if add is None:
            refuse(f"{path}.role", "must be developer, system, user, assistant or tool")
        add(to, message, path)
        if message.keys() <= _KNOWN_FIELDS:
            continue
        for name, content in message.items():
            if content and name not in _KNOWN_FIELDS and (role, name) not in _READ_ELSEWHERE:
                reason = _WITHOUT_COUNTERPART.get(name, "not a known field of a message")
                to.lose_kind(f"message.{name}", f"{path}.{name}", reason)


def blocks_of(to: MessagesDocument, content: Any, path: str) -> list[Block]:
    """Content as Anthropic blocks; a string is one text block."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if content is None:
        return []
    return [
        _block(to, object_at(part, f"{path}[{index}]"), f"{path}[{index}]")
        for index, part in enumerate(list_at(content, path))
    ]


def _block(to: MessagesDocument, part: Mapping[str, Any], path: str) -> Block:
    rule = PARTS.by_field.get(kind_of(part))
    made: list[Block] = []
    if rule is not None and rule.apply is not None:
        rule.apply(to, (part, path, made))
    else:
        text = part.get("text")
        to.lose_kind(f"part {kind_of(part)}", path, f"a {kind_of(part) or 'nameless'} part has no counterpart upstream")
        made.append({"type": "text", "text": text if isinstance(text, str) else ""})
    for name, content in () if part.keys() <= _PART_FIELDS else part.items():
        if name not in _PART_FIELDS and content is not None:
            to.lose_kind(f"part.{name}", f"{path}.{name}", "not a known field of a content part")
    mark = part.get("prompt_cache_breakpoint")
    if mark is not None and to.conversation.breakpoint(f"{path}.prompt_cache_breakpoint"):
        ttl = mark.get("ttl") if isinstance(mark, Mapping) else None
        made[0]["cache_control"] = {"type": "ephemeral", **({"ttl": "1h"} if ttl else {})}
    return made[0]


def _system(to: MessagesDocument, message: Mapping[str, Any], path: str) -> None:
    blocks = blocks_of(to, message.get("content"), f"{path}.content")
    for index, block in enumerate(blocks):
        if block["type"] != "text":
            refuse(f"{path}.content[{index}]", "system messages are text")
    to.conversation.system(blocks, path)


def _user(to: MessagesDocument, message: Mapping[str, Any], path: str) -> None:
    to.conversation.user(blocks_of(to, message.get("content"), f"{path}.content"))


def _assistant(to: MessagesDocument, message: Mapping[str, Any], path: str) -> None:
    blocks = blocks_of(to, message.get("content"), f"{path}.content")
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        blocks.append({"type": "text", "text": refusal})
    to.conversation.assistant(blocks)
    calls = message.get("tool_calls")
    for index, item in enumerate(list_at(calls, f"{path}.tool_calls") if calls is not None else []):
        at = f"{path}.tool_calls[{index}]"
        _call(to, object_at(item, at), at)
    old = message.get("function_call")
    if old is not None:
        function = object_at(old, f"{path}.function_call")
        name = name_at(function.get("name"), f"{path}.function_call.name")
        arguments = to.arguments(function.get("arguments"), f"{path}.function_call.arguments")
        to.conversation.call(_id_of_function(name), to.names.of(name), arguments)


def _call(to: MessagesDocument, call: Mapping[str, Any], path: str) -> None:
    call_id = text_at(call.get("id"), f"{path}.id")
    if kind_of(call) == "custom":
        custom = object_at(call.get("custom"), f"{path}.custom")
        name = name_at(custom.get("name"), f"{path}.custom.name")
        arguments: dict[str, Any] = {"input": text_at(custom.get("input"), f"{path}.custom.input")}
    else:
        function = object_at(call.get("function"), f"{path}.function")
        name = name_at(function.get("name"), f"{path}.function.name")
        arguments = to.arguments(function.get("arguments"), f"{path}.function.arguments")
    to.conversation.call(call_id, to.names.of(name), arguments)


def _tool(to: MessagesDocument, message: Mapping[str, Any], path: str) -> None:
    call_id = text_at(message.get("tool_call_id"), f"{path}.tool_call_id")
    to.conversation.result(call_id, _result(to, message, path), f"{path}.tool_call_id")


def _function(to: MessagesDocument, message: Mapping[str, Any], path: str) -> None:
    name = name_at(message.get("name"), f"{path}.name")
    to.conversation.result(_id_of_function(name), _result(to, message, path), f"{path}.name")


def _id_of_function(name: str) -> str:
    """The older calls have no ids: one call per turn, known by its function."""
    return f"call_{name}"


def _result(to: MessagesDocument, message: Mapping[str, Any], path: str) -> str | list[Block]:
    content = message.get("content")
    if isinstance(content, str):
        return content
    blocks = blocks_of(to, content, f"{path}.content")
    return [block for block in blocks if block["type"] != "text" or block["text"]]


_ROLES = {
    "system": _system,
    "developer": _system,
    "user": _user,
    "assistant": _assistant,
    "tool": _tool,
    "function": _function,
}

Placed = tuple[Mapping[str, Any], str, list[Block]]
"""A part, its path, and where its block goes."""


def _text(to: MessagesDocument, placed: Placed) -> None:
    part, path, made = placed
    made.append({"type": "text", "text": text_at(part.get("text"), f"{path}.text")})


def _refusal(to: MessagesDocument, placed: Placed) -> None:
    part, path, made = placed
    made.append({"type": "text", "text": text_at(part.get("refusal"), f"{path}.refusal")})


def _image(to: MessagesDocument, placed: Placed) -> None:
    part, path, made = placed
    image = part.get("image_url")
    image = image if isinstance(image, Mapping) else {"url": image}
    made.append(image_block(image.get("url"), f"{path}.image_url.url"))
    if image.get("detail") not in (None, "auto"):
        to.lose_kind("detail", f"{path}.image_url.detail", "Anthropic sees every image in full detail")


def _file(to: MessagesDocument, placed: Placed) -> None:
    part, path, made = placed
    made.append(document_block(object_at(part.get("file"), f"{path}.file"), f"{path}.file"))


def _audio(to: MessagesDocument, placed: Placed) -> None:
    refuse(placed[1], "Claude models hear no audio")


PARTS: Table[MessagesDocument] = Table(
    Rule("text", "carried", "text block", "blank ones are left out, which Anthropic refuses", _text),
    Rule("refusal", "approximated", "text block", "", _refusal),
    Rule("image_url", "carried", "image block", "data: and https: URLs; detail is lost", _image),
    Rule("file", "carried", "document block", "PDF and text with their content; file ids and other types are refused",
         _file),
    Rule("input_audio", "dropped", "", "refused: Claude models hear no audio", _audio),
)  # fmt: skip
"""Content parts; any other kind is a loss, its text stays."""

OTHER_PARTS: Table[MessagesDocument] = Table(
    Rule("system and developer messages", "approximated", "system",
         "in order; later ones move up, or stay in place with "
         "systemMessages: Keep where the model takes them after a user turn"),
    Rule("assistant tool_calls", "carried", "tool_use", "arguments parsed, key order kept; text that is no JSON "
         "object is kept under _raw"),
    Rule("assistant custom tool calls", "approximated", "tool_use", "{input: text}"),
    Rule("assistant function_call, function messages", "approximated", "tool_use, tool_result",
         "the older way, by name"),
    Rule("tool messages", "carried", "tool_result", "one user turn, in call order before the user's text; the last "
         "of two results counts; "
         "a missing one is (no result); one without its call is refused"),
    Rule("last assistant message (prefill)", "approximated", "",
         "continued before Claude 4.6; later models are asked in words"),
    Rule("name, reasoning_content, audio of a message", "dropped", reason="Anthropic has no counterpart"),
    Rule("prompt_cache_breakpoint", "carried", "cache_control", "a ttl becomes 1h; four at most"),
)  # fmt: skip
"""What else a history holds, for the fidelity page."""
