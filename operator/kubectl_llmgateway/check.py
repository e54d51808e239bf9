"""`kubectl llmgateway check -f FILE`: every error of every document, before anything is applied."""

from __future__ import annotations

import sys
from pathlib import Path

from kubectl_llmgateway.kubectl import PluginError
from llmgateway_api import load_documents


class InvalidFile(PluginError):
    """One line per error, each with its field path."""


def check(file: str) -> str:
    """A sentence about what the file holds; `-` is standard input. Raises InvalidFile."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidFile(f"{file}: {getattr(error, 'strerror', None) or 'is not UTF-8'}") from None
    documents = load_documents(text)
    if documents.errors:
        raise InvalidFile("\n".join(map(str, documents.errors)))
    held = [f"LLMGateway/{documents.gateway.metadata.name}"] if documents.gateway else []
    held += [f"LLMCredential/{each.metadata.name}" for each in documents.credentials]
    held += [f"Secret/{each.name}" for each in documents.secrets]
    skipped = f" (not looked at: {', '.join(documents.ignored)})" if documents.ignored else ""
    return f"{file}: {', '.join(held) or 'nothing of the gateway'} valid{skipped}"
