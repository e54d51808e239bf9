"""Images and documents between the dialects: data URLs, base64 sources, extracted text.

A file that the upstream can't read is refused where the user gave it, and noted in the text where a tool returned it:
a refusal there would block the conversation for good.
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from llmgateway.failures import TurnRefused
from llmgateway.translate.chat_conversation import Part
from llmgateway.translate.rules import Losses
from llmgateway.translate.shapes import kind_of, object_at, refuse, text_at
from llmgateway.translate.translated import Target

PDF = "application/pdf"
IMAGE_TYPES = ("image/jpeg", "image/png", "image/gif", "image/webp")
NO_FILE_PARTS = ("VLLM", "LlamaCpp", "Ollama")
"""Upstreams whose chat messages take no file part."""


def image_part(block: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Anthropic's image block -> an image_url part."""
    source = object_at(block.get("source"), f"{path}.source")
    if kind_of(source) == "base64":
        data = text_at(source.get("data"), f"{path}.source.data")
        url = f"data:{source.get('media_type')};base64,{data}"
    elif kind_of(source) == "url":
        url = text_at(source.get("url"), f"{path}.source.url")
    else:
        refuse(f"{path}.source", "only base64 and url images reach this upstream, no file ids")
    return {"type": "image_url", "image_url": {"url": url}}


def document_pieces(block: Mapping[str, Any], target: Target, path: str) -> list[Part]:
    """Anthropic's document block -> text with its title and context, image parts, or a file part."""
    source = object_at(block.get("source"), f"{path}.source")
    kind = kind_of(source)
    title = text_at(block.get("title"), f"{path}.title")
    head = [line for line in (title and f"Document: {title}", text_at(block.get("context"), f"{path}.context")) if line]
    if kind == "text":
        return ["\n".join([*head, text_at(source.get("data"), f"{path}.source.data")])]
    if kind == "content":
        return [*head, *_content_pieces(source.get("content"), f"{path}.source.content")]
    if kind == "base64":
        data = text_at(source.get("data"), f"{path}.source.data")
        media_type = text_at(source.get("media_type"), f"{path}.source.media_type")
        name = title or "document.pdf"
        piece = file_piece(f"data:{media_type};base64,{data}", name, target, path)
        return ["\n".join([*head, piece])] if isinstance(piece, str) else [*head, piece]
    return refuse(f"{path}.source", "only base64, text and content documents reach this upstream, no URLs or file ids")


def _content_pieces(content: Any, path: str) -> list[Part]:
    if isinstance(content, str):
        return [content]
    pieces: list[Part] = []
    for index, value in enumerate(content if isinstance(content, list) else []):
        block = object_at(value, f"{path}[{index}]")
        if kind_of(block) == "image":
            pieces.append(image_part(block, f"{path}[{index}]"))
        else:
            pieces.append(text_at(block.get("text"), f"{path}[{index}].text"))
    return pieces


def file_piece(data_url: str, filename: str, target: Target, path: str) -> Part:
    """A file with its content -> text where it is text, else a file part. Raises TurnRefused where neither can be."""
    media_type, data = split_data_url(data_url)
    if media_type.startswith("text/"):
        return _decoded(data, path)
    if target.type in NO_FILE_PARTS:
        refuse(path, f"this model takes no {media_type or 'unknown'} files: send their text")
    return {"type": "file", "file": {"filename": filename, "file_data": data_url}}


def noted_document(block: Mapping[str, Any], target: Target, path: str, losses: Losses) -> list[Part]:
    """A document of a tool result: as `document_pieces`, or a note that it can't be read here."""
    try:
        return document_pieces(block, target, path)
    except TurnRefused:
        losses.lose(path, "a document in a tool result that this upstream can't read: a note stands for it")
        title = block.get("title")
        name = f" {title!r}" if isinstance(title, str) and title else ""
        return [f"[a document{name} is here, which this model can't read]"]


def image_block(url: Any, path: str) -> dict[str, Any]:
    """An image URL of the OpenAI dialects -> Anthropic's image block."""
    text = text_at(url, path)
    if text.startswith("data:"):
        media_type, data = split_data_url(text)
        media_type = "image/jpeg" if media_type == "image/jpg" else media_type
        if media_type not in IMAGE_TYPES:
            refuse(path, f"{media_type or 'this'} is none of {', '.join(IMAGE_TYPES)}")
        return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}
    if not text.startswith(("https://", "http://")):
        refuse(path, "must be a data:, https: or http: URL")
    return {"type": "image", "source": {"type": "url", "url": text}}


def document_block(file: Mapping[str, Any], path: str) -> dict[str, Any]:
    """A file of the OpenAI dialects -> Anthropic's document block (PDF or text)."""
    filename = file.get("filename")
    title = {"title": filename} if isinstance(filename, str) and filename else {}
    if isinstance(file.get("file_url"), str):
        return {"type": "document", "source": {"type": "url", "url": file["file_url"]}, **title}
    if not isinstance(file.get("file_data"), str):
        refuse(path, "a file needs its content here: file ids are known to their own vendor only")
    media_type, data = split_data_url(file["file_data"])
    media_type = media_type or (PDF if str(filename).lower().endswith(".pdf") else "text/plain")
    if media_type == PDF:
        return {"type": "document", "source": {"type": "base64", "media_type": PDF, "data": data}, **title}
    if not media_type.startswith("text/"):
        refuse(path, f"{media_type} files don't reach this upstream, only PDF and text")
    source = {"type": "text", "media_type": "text/plain", "data": _decoded(data, path)}
    return {"type": "document", "source": source, **title}


def split_data_url(url: str) -> tuple[str, str]:
    """(media type, base64 data) of a data URL (RFC 2397); ("", all of it) for bare base64."""
    if not url.startswith("data:"):
        return "", url
    head, _, data = url[5:].partition(",")
    return head.partition(";")[0].strip().lower(), data


def _decoded(data: str, path: str) -> str:
    try:
        return b64decode(data, validate=False).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        refuse(path, "is no base64")
