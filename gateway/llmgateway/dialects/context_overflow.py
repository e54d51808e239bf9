"""How servers say that a prompt is longer than the model's window, and the numbers in what they say.

Wordings: OpenAI, vLLM, llama.cpp, Ollama, Anthropic (API references and server sources), and of their resellers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

_CODES = {"context_length_exceeded", "exceed_context_size_error", "context_window_exceeded"}

_WORDINGS = re.compile(
    r"prompt (?:is )?too long"  # Anthropic, Ollama
    r"|exceed context limit"  # Anthropic, with max_tokens
    r"|maximum context length"  # OpenAI, vLLM, Mistral
    r"|exceeds? the (?:available )?context (?:size|window|length)"  # llama.cpp, OpenAI Responses, Ollama
    r"|maximum model length"  # vLLM
    r"|longer than the model'?s? context length"  # SGLang
    r"|model'?s context length is only"  # vLLM
    r"|exceed(?:s|ed) (?:max|maximum|model'?s maximum) context length"  # Ollama, vLLM
    r"|input is too long for requested model"  # Bedrock
    r"|input token count.{0,40}exceeds the maximum",  # Gemini
    re.IGNORECASE,
)

_NUMBER = r"(\d[\d,]*)"

_PROMPT = [
    re.compile(wording.replace("N", _NUMBER), re.IGNORECASE)
    for wording in (
        r"too long: N",
        r"context limit: N \+",
        r"resulted in N tokens",
        r"\(N (?:of|in) (?:the |text |your )*(?:messages|prompt|input)",
        r"N tokens from the input",
        r"request \(N tokens\)",
        r"prompt \(length N\)",
        r"input length \(N\)",
        r"input \(N tokens\)",
        r"passed N input tokens",
        r"prompt contains (?:at least )?N (?:input )?tokens",
        r"has N input tokens",
        r"token count \(N\)",
    )
]

_TOTAL = [
    re.compile(wording.replace("N", _NUMBER), re.IGNORECASE)
    for wording in (r"requested (?:a total of |about )*N tokens",)
]

_WINDOW = [
    re.compile(wording.replace("N", _NUMBER), re.IGNORECASE)
    for wording in (
        r"> N maximum",
        r"context limit: \d+ \+ \d+ > N",
        r"context length (?:is|of) (?:only )?N",
        r"context size \(N",
        r"model length of N",
        r"context length \(N",
        r"N maximum context length",
        r"tokens allowed \(N",
    )
]

_WITH_OUTPUT = re.compile(r"context limit: (\d+) \+ (\d+)", re.IGNORECASE)


class Overflow(Struct, frozen=True):
    """The prompt's size and the window, in tokens, where the server told them."""

    tokens: int | None
    window: int | None


def overflow_in(error: Mapping[str, Any], message: str) -> Overflow | None:
    """The overflow that an error object tells of, or None when it tells of something else.

    A prompt that fits alone, but not with the answer's room (`max_tokens`), counts with that room.
    """
    named = error.get("code") in _CODES or error.get("type") in _CODES
    if not named and not _WORDINGS.search(message):
        return None
    window = _count(error.get("n_ctx")) or _first(_WINDOW, message)
    prompt = _count(error.get("n_prompt_tokens")) or _first(_PROMPT, message)
    sizes = [size for size in (prompt, _total(message)) if size and (window is None or size > window)]
    if not named and prompt and not sizes:
        return None  # only max_tokens is too large: a shorter prompt is not what helps
    return Overflow(sizes[0] if sizes else None, window)


def _total(message: str) -> int | None:
    if found := _WITH_OUTPUT.search(message):
        return int(found[1]) + int(found[2])
    return _first(_TOTAL, message)


def _first(patterns: list[re.Pattern[str]], message: str) -> int | None:
    for pattern in patterns:
        if found := pattern.search(message):
            return int(found[1].replace(",", ""))
    return None


def _count(value: Any) -> int | None:
    return value if type(value) is int and value > 0 else None
