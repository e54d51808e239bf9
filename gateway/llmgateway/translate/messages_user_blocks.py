"""Anthropic's content blocks of a user turn -> pieces of a chat conversation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgateway.translate.chat_conversation import Part
from llmgateway.translate.chat_document import ChatDocument
from llmgateway.translate.media import document_pieces, image_part, noted_document
from llmgateway.translate.rules import Rule, Table
from llmgateway.translate.shapes import kind_of, list_at, object_at, text_at
from llmgateway.wire import json_codec

ERROR_MARK = "Error: "


def blocks_of(content: Any, path: str) -> list[dict[str, Any]]:
    """Content as blocks; a string is one text block."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if content is None:
        return []
    blocks = list_at(content, path)
    for index, block in enumerate(blocks):
        if not isinstance(block, dict):
            object_at(block, f"{path}[{index}]")
    return blocks


_READ_FIELDS = frozenset({
    "type", "text", "source", "title", "context", "content", "tool_use_id", "is_error", "id", "name", "input",
    "thinking", "signature", "data", "tool_name", "tool", "file_id", "encrypted_content"
})  # fmt: skip
_LOST_FIELDS = {
    "cache_control": "chat servers cache prefixes by themselves",
    "citations": "chat upstreams cite nothing",
}


def note_block_fields(to: ChatDocument, block: Mapping[str, Any], path: str) -> None:
    """Fields of a block that no chat upstream knows."""
    if block.keys() <= _READ_FIELDS:
        return
    for name, content in block.items():
        if name not in _READ_FIELDS and content and content != {"type": "direct"}:
            reason = _LOST_FIELDS.get(name, "not known to a chat upstream")
            to.lose_kind(f"field {name}", f"{path}.{name}", reason)


def unknown_block(to: ChatDocument, block: Mapping[str, Any], path: str) -> list[str]:
    """A block that this upstream can't hold: its text, where it has some."""
    kind = kind_of(block)
    to.lose_kind(f"block {kind}", path, f"a {kind or 'nameless'} block has no counterpart upstream")
    text = block.get("text")
    return [text] if isinstance(text, str) else []


Placed = tuple[Mapping[str, Any], str]
"""A block and its path."""


def _text_block(to: ChatDocument, placed: Placed) -> None:
    to.conversation.user([text_at(placed[0].get("text"), f"{placed[1]}.text")])


def _image_block(to: ChatDocument, placed: Placed) -> None:
    to.conversation.user([image_part(*placed)])


def _document_block(to: ChatDocument, placed: Placed) -> None:
    to.conversation.user(document_pieces(placed[0], to.target, placed[1]))


def _search_result(block: Mapping[str, Any], path: str) -> str:
    texts = [text_at(inner.get("text"), path) for inner in blocks_of(block.get("content"), f"{path}.content")]
    head = [str(block[name]) for name in ("title", "source") if block.get(name)]
    return "\n".join([*head, *texts])


def _tool_result(to: ChatDocument, placed: Placed) -> None:
    block, path = placed
    call_id = text_at(block.get("tool_use_id"), f"{path}.tool_use_id")
    texts: list[str] = []
    media: list[Part] = []
    for index, inner in enumerate(blocks_of(block.get("content"), f"{path}.content")):
        at = f"{path}.content[{index}]"
        kind = kind_of(inner)
        if kind == "text":
            texts.append(text_at(inner.get("text"), f"{at}.text"))
        elif kind == "image":
            media.append(image_part(inner, at))
        elif kind == "document":
            pieces = noted_document(inner, to.target, at, to)
            texts.extend(piece for piece in pieces if isinstance(piece, str))
            media.extend(piece for piece in pieces if not isinstance(piece, str))
        elif kind == "search_result":
            texts.append(_search_result(inner, at))
        elif kind == "tool_reference":
            texts.append(f"[the tool {inner.get('tool_name')} is available]")
        else:
            to.lose_kind(f"block {kind}", at, f"a {kind or 'nameless'} block is shown to the model as JSON")
            texts.append(json_codec.encode(inner).decode())
    if media:
        texts.append("[the images and files of this result are in the next user message]")
        media.insert(0, f"[images and files of the result of tool call {call_id}]")
    text = "\n\n".join(text for text in texts if text)
    text = f"{ERROR_MARK}{text}" if block.get("is_error") is True else text
    to.conversation.result(call_id, text, media, f"{path}.tool_use_id")


USER_BLOCKS: Table[ChatDocument] = Table(
    Rule("text", "carried", "user content", "texts of one turn are joined by blank lines", _text_block),
    Rule("image", "carried", "image_url part", "base64 as a data: URL; file ids are refused", _image_block),
    Rule("document", "approximated", "text or file part", "text with title and context; PDF as a file part for OpenAI, "
         "refused for servers without file parts; URLs and file ids are refused", _document_block),
    Rule("search_result", "approximated", "user content", "title, source and text",
         lambda to, placed: to.conversation.user([_search_result(*placed)])),
    Rule("tool_result", "carried", "tool message", "in call order before the user's text; `Error: ` marks is_error; "
         "images move into the user message after it; the last of two results counts; a missing one is (no result); "
         "one without its call is refused", _tool_result),
)  # fmt: skip
"""Blocks of user messages; any other kind is a loss, its text stays."""
