"""Token counts in Chat Completions' words. Both dialects count the whole prompt, cached parts included."""

from __future__ import annotations

from typing import Any

from llmgateway.events import Usage


def decode_usage(found: Any) -> Usage | None:
    """The `usage` object, or None where the server sent none. DeepSeek tells cache hits beside the details."""
    if not isinstance(found, dict):
        return None
    prompt, completion = _part(found, "prompt_tokens_details"), _part(found, "completion_tokens_details")
    return Usage(
        input_tokens=_count(found, "prompt_tokens"),
        output_tokens=_count(found, "completion_tokens"),
        cached_tokens=_count(prompt, "cached_tokens") or _count(found, "prompt_cache_hit_tokens"),
        cache_creation_tokens=_count(prompt, "cache_write_tokens"),
        reasoning_tokens=_count(completion, "reasoning_tokens"),
    )


def decode_timings(found: Any) -> Usage | None:
    """llama.cpp's `timings`, which ride on the last chunk even where nobody asked for usage."""
    if not isinstance(found, dict) or "predicted_n" not in found:
        return None
    cached = _count(found, "cache_n")
    return Usage(cached + _count(found, "prompt_n"), _count(found, "predicted_n"), cached)


def usage_object(usage: Usage) -> dict[str, Any]:
    """The `usage` object with all details that any client reads."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_creation_tokens,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": usage.reasoning_tokens,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _part(found: dict[str, Any], name: str) -> dict[str, Any]:
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def _count(found: dict[str, Any], name: str) -> int:
    value = found.get(name)
    return value if type(value) is int and value > 0 else 0
