"""How many sessions fit into the memory that this process may use (cgroup v2 and v1; Linux, cgroups(7))."""

from __future__ import annotations

from pathlib import Path
from typing import Final

MEBIBYTE: Final = 1024 * 1024
GATEWAY: Final = 256 * MEBIBYTE
"""Kept free for the gateway itself and the parts that all sessions share (docs/claude-agent.md, figures)."""
SESSION: Final = 130 * MEBIBYTE
"""One session's own memory with room for a long conversation (docs/claude-agent.md, figures)."""
LIMIT_FILES: Final = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
NO_LIMIT: Final = 1 << 60
"""cgroup v1 says "unlimited" with a number near 2^63."""


def memory_limit(files: tuple[Path, ...] = LIMIT_FILES) -> int | None:
    """Bytes, or None where nothing limits."""
    for file in files:
        try:
            text = file.read_text().strip()
        except OSError:
            continue
        if text.isdigit() and int(text) < NO_LIMIT:
            return int(text)
    return None


def affordable(size: int, limit: int | None) -> int:
    """The wanted number of sessions, or as many as fit; one at least."""
    if limit is None:
        return size
    return max(1, min(size, (limit - GATEWAY) // SESSION))
