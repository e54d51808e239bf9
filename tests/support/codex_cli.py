"""The Codex CLI, installed once from its npm package into the cache (its binary needs no Node.js to run)."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

from support.cache_folder import cache_folder

VERSION = "0.169.0"


class CodexMissing(RuntimeError):
    """The package could not be installed; the message says what to do."""


def codex_binary() -> Path:
    """The native program. Raises CodexMissing."""
    folder = cache_folder(f"codex-{VERSION}")
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _found(folder) or _installed(folder)


def _found(folder: Path) -> Path | None:
    return next(iter(folder.glob("node_modules/@openai/codex-*/vendor/*/bin/codex")), None)


def _installed(folder: Path) -> Path:
    if shutil.which("npm") is None:
        raise CodexMissing("the Codex CLI comes as an npm package: install npm (the `npm` package of the distribution)")
    command = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", f"@openai/codex@{VERSION}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found = _found(folder)
    if done.returncode or found is None:
        raise CodexMissing(f"npm could not install @openai/codex@{VERSION}: {done.stderr[-1000:]}")
    return found


if __name__ == "__main__":
    print(codex_binary())
