"""Runs a program; its complaint becomes the error's message."""

from __future__ import annotations

import subprocess
from pathlib import Path


class CommandError(RuntimeError):
    """A program ended with a status other than 0; the message is what it printed last."""


def run(*command: str | Path, timeout: float = 900) -> str:
    """What it prints. Raises CommandError, FileNotFoundError, TimeoutExpired (`timeout` in seconds)."""
    words = [str(each) for each in command]
    done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise CommandError(f"{' '.join(words)}: {said}")
    return done.stdout


def succeeds(*command: str | Path) -> bool:
    try:
        run(*command, timeout=30)
    except (CommandError, FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return True
