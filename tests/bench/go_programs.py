"""The Go programs under `go/`, compiled once into the cache and found by the hash of their sources."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from support.cache_folder import cache_folder

SOURCES = Path(__file__).parent / "go"


class MissingToolError(RuntimeError):
    """The message says what to install."""


def go_program(name: str) -> Path:
    """The program of the folder `go/<name>`, built if it is not cached. Raises MissingToolError, CalledProcessError."""
    folder = cache_folder("bench", f"go-{_digest()}")
    path = folder / name
    if not path.exists():
        if shutil.which("go") is None:
            raise MissingToolError("the load generator is compiled: install Go 1.22 or newer (the `golang` package)")
        command = ["go", "build", "-trimpath", "-o", str(path), f"./{name}"]
        subprocess.run(command, cwd=SOURCES, env={**os.environ, "CGO_ENABLED": "0"}, check=True)
    return path


def _digest() -> str:
    hashed = hashlib.sha256()
    for source in sorted(SOURCES.rglob("*")):
        if source.is_file():
            hashed.update(source.read_bytes())
    return hashed.hexdigest()[:12]
