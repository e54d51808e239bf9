"""Content that is more than a string: lists of parts, and sources beside the text."""

from __future__ import annotations

from typing import Any

from llmgateway.events import Citation


def joined_parts(content: Any) -> str:
    """Content as a list of text parts (Mistral, some proxies)."""
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "".join(text for text in texts if isinstance(text, str))


def citations_of(annotations: Any) -> list[Citation]:
    """`url_citation` annotations; others have no address."""
    found = []
    for annotation in annotations if isinstance(annotations, list) else []:
        cited = annotation.get("url_citation") if isinstance(annotation, dict) else None
        if isinstance(cited, dict) and isinstance(cited.get("url"), str):
            found.append(Citation(cited["url"], str(cited.get("title") or ""), annotation))
    return found
