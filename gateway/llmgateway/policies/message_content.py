"""What stands in one message: how large it is for a token estimate, its texts, and texts cut to a length.

Sizes are UTF-8 bytes of what a model reads (scripts with long characters cost more tokens); lengths are characters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llmgateway.wire import json_codec

MEDIA_SIZE = 6000
"""What an image or a sound counts: vision models take about 1600 tokens at most for one (Anthropic's vision guide:
width times height by 750)."""
MESSAGE_SIZE = 12
"""What a message costs beside its content: role and separators of a chat template."""

_MEDIA = ("image", "image_url", "input_image", "input_audio", "audio")
_FILES = ("document", "file")
_BASE64_PER_SIZE = 8
"""Base64 characters of a file (PDF) that count as one byte of text; pages are far larger than their words."""
_TEXT_FIELDS = ("content", "type", "role", "tool_call_id")


def text_size(text: str) -> int:
    """UTF-8 bytes."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def json_size(value: Any) -> int:
    """UTF-8 bytes of the value as compact JSON; what JSON can't hold counts as a medium."""
    try:
        return len(json_codec.encode(value))
    except (TypeError, ValueError, OverflowError, RecursionError):
        return MEDIA_SIZE


def content_size(content: Any) -> int:
    """The size of a message's, block's or result's `content`."""
    if content is None:
        return 0
    if isinstance(content, str):
        return text_size(content)
    if isinstance(content, list):
        return sum(_block_size(block) for block in content)
    return json_size(content)


def message_size(message: Any) -> int:
    """The size of one message, its tool calls and reasoning included."""
    if not isinstance(message, Mapping):
        return json_size(message)
    others = sum(json_size(value) for name, value in message.items() if name not in _TEXT_FIELDS and value is not None)
    return MESSAGE_SIZE + content_size(message.get("content")) + others


def _block_size(block: Any) -> int:
    if not isinstance(block, Mapping):
        return json_size(block)
    kind = block.get("type")
    if kind in _MEDIA:
        return MEDIA_SIZE
    if kind in _FILES:
        return _file_size(block)
    if kind == "text" and isinstance(text := block.get("text"), str):
        return text_size(text)
    if kind == "tool_result":
        return MESSAGE_SIZE + _result_size(block.get("content"))
    return json_size(block)


def _result_size(content: Any) -> int:
    """One level only: whatever a client nests deeper counts as its JSON."""
    if not isinstance(content, list):
        return content_size(content)
    return sum(_block_size(part) if _kind(part) != "tool_result" else json_size(part) for part in content)


def _file_size(block: Mapping[str, Any]) -> int:
    source = block.get("source")
    if isinstance(source, Mapping) and source.get("type") in ("text", "content"):
        return json_size(block)
    return max(MEDIA_SIZE, json_size(block) // _BASE64_PER_SIZE)


def _kind(block: Any) -> Any:
    return block.get("type") if isinstance(block, Mapping) else None


def texts_of(content: Any) -> list[str]:
    """The texts of a string, or of the text blocks of a list."""
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list):
        return []
    texts = (block.get("text") for block in content if _kind(block) == "text")
    return [text for text in texts if isinstance(text, str)]


def with_texts(content: Any, texts: Sequence[str]) -> Any:
    """The content with these in place of `texts_of` it, one for one; text blocks left empty go."""
    if isinstance(content, str):
        return texts[0]
    left = list(texts)
    kept: list[Any] = []
    for block in content:
        if _kind(block) == "text" and isinstance(block.get("text"), str):
            text = left.pop(0)
            if text:
                kept.append(block if text == block["text"] else {**block, "text": text})
        else:
            kept.append(block)
    return kept


def with_text_added(content: Any, text: str) -> Any:
    """The content with one more text at its end."""
    if isinstance(content, list):
        return [*content, {"type": "text", "text": text}]
    return f"{content}\n\n{text}" if isinstance(content, str) and content else text


Mark = Callable[[int], str]
"""Says how many characters went."""


def left_out(count: int) -> str:
    """The mark of a place where characters are missing."""
    return f"\n[... {count} characters left out ...]\n"


def cut_middle(texts: Sequence[str], head: int, tail: int, mark: Mark = left_out) -> list[str]:
    """Texts that are one long text in pieces, less what stands between its first `head` and last `tail` characters.

    The mark stands where the head ends. The same texts where cutting would not make them shorter.
    """
    total = sum(map(len, texts))
    said = mark(total - head - tail)
    if total <= head + tail + len(said):
        return list(texts)
    cut: list[str] = []
    start = 0
    for text in texts:
        first, last = max(0, min(len(text), head - start)), max(0, min(len(text), start + len(text) - total + tail))
        holds_mark = start <= head < start + len(text)
        cut.append(text[:first] + said * holds_mark + text[len(text) - last :])
        start += len(text)
    return cut


def cut_to(texts: Sequence[str], limit: int, head_share: float = 1.0, mark: Mark = left_out) -> list[str]:
    """The same texts when they hold `limit` characters together, else their head and tail, the mark counted in."""
    total = sum(map(len, texts))
    if total <= limit:
        return list(texts)
    room = limit - len(mark(total))
    if room < 0:  # no room for a mark
        room, mark = limit, lambda _: ""
    head = round(room * head_share)
    return cut_middle(texts, head, room - head, mark)
