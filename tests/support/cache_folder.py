"""Where built binaries, servers and images are kept between runs (safe to delete, rebuilt on demand)."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(*parts: str) -> Path:
    """`$LLMGATEWAY_CACHE`, else the user's cache folder (XDG Base Directory Specification); made if missing."""
    chosen = os.environ.get("LLMGATEWAY_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(chosen) if chosen else Path(base) / "llmgateway"
    folder = folder.joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
