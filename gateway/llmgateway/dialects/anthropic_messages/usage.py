"""Token counts in Anthropic's words: its `input_tokens` leaves out what was read from or written to the prompt cache.

Source: Anthropic API reference, "Messages", `usage`. The counts of a stream are cumulative: a later one replaces an
earlier one, and a missing one leaves it as it was.
"""

from __future__ import annotations

from typing import Any

from llmgateway.events import Usage

_COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


class UsageReader:
    """The counts of one answer so far."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def add(self, found: Any) -> Usage | None:
        """The counts after one more `usage` object; None when it held none."""
        if not isinstance(found, dict):
            return None
        details = found.get("output_tokens_details")
        counts = {name: found.get(name) for name in _COUNTS}
        counts["thinking_tokens"] = details.get("thinking_tokens") if isinstance(details, dict) else None
        known = {name: count for name, count in counts.items() if type(count) is int and count >= 0}
        self._seen.update(known)
        return self._usage() if known else None

    def _usage(self) -> Usage:
        read, created = self._count("cache_read_input_tokens"), self._count("cache_creation_input_tokens")
        return Usage(
            input_tokens=self._count("input_tokens") + read + created,
            output_tokens=self._count("output_tokens"),
            cached_tokens=read,
            cache_creation_tokens=created,
            reasoning_tokens=self._count("thinking_tokens"),
        )

    def _count(self, name: str) -> int:
        return self._seen.get(name, 0)


def usage_object(usage: Usage) -> dict[str, Any]:
    """The `usage` object of an answer, of message_start and of message_delta."""
    counts: dict[str, Any] = {
        "input_tokens": max(0, usage.input_tokens - usage.cached_tokens - usage.cache_creation_tokens),
        "cache_creation_input_tokens": usage.cache_creation_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
    }
    if usage.reasoning_tokens > 0:
        counts["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return counts
