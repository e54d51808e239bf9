"""Content parts of Responses, as the chat content parts that both upstream dialects are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgateway.translate.request_document import RequestDocument
from llmgateway.translate.shapes import kind_of, list_at, object_at, refuse, text_at

Parts = list[dict[str, Any]]
"""Content as chat content parts: text, refusal, image_url, file (also with file_url), input_audio."""


def parts_of(to: RequestDocument, content: Any, path: str) -> Parts:
    """Content of Responses as chat content parts; a string is one text."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if content is None:
        return []
    found = enumerate(list_at(content, path))
    return [_part(to, object_at(part, f"{path}[{index}]"), f"{path}[{index}]") for index, part in found]


def _part(to: RequestDocument, part: Mapping[str, Any], path: str) -> dict[str, Any]:
    kind = kind_of(part)
    if kind in ("input_text", "output_text", "text", "summary_text", "reasoning_text"):
        made: dict[str, Any] = {"type": "text", "text": text_at(part.get("text"), f"{path}.text")}
    elif kind == "input_image":
        if not isinstance(part.get("image_url"), str):
            refuse(f"{path}.image_url", "an image needs its URL here: file ids are known to their own vendor only")
        made = {"type": "image_url", "image_url": {"url": part["image_url"]}}
        if part.get("detail") is not None:
            made["image_url"]["detail"] = part["detail"]
    elif kind == "input_file":
        made = {"type": "file", "file": {name: part[name] for name in _FILE_FIELDS if part.get(name) is not None}}
    elif kind == "input_audio":
        made = {"type": "input_audio", "input_audio": part.get("input_audio")}
    elif kind == "refusal":
        made = {"type": "refusal", "refusal": text_at(part.get("refusal"), f"{path}.refusal")}
    else:
        to.lose_kind(f"part {kind}", path, f"a {kind or 'nameless'} part has no counterpart upstream")
        text = part.get("text")
        made = {"type": "text", "text": text if isinstance(text, str) else ""}
    if part.get("prompt_cache_breakpoint") is not None:
        made["prompt_cache_breakpoint"] = part["prompt_cache_breakpoint"]
    return made


_FILE_FIELDS = ("file_data", "file_url", "file_id", "filename")


def texts_of(to: RequestDocument, content: Any, path: str) -> list[str]:
    """The texts of content; anything else in it is a loss."""
    texts = []
    for index, part in enumerate(parts_of(to, content, path)):
        if part["type"] in ("text", "refusal"):
            texts.append(part[part["type"]])
        else:
            to.lose(f"{path}[{index}]", "only text can stand here upstream")
    return [text for text in texts if text]
