"""The folder with a login's `.credentials.json`: writable, with `debug/`, shared by all sessions of a backend.

The program renews the tokens of the file itself, under a lock of its own between processes. So the folder must be
writable and there must be one of it; a read-only one, or a Secret's key, is copied, and copied again only when the
source itself has changed: an old copy over renewed tokens would lose the login.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

FILE: Final = ".credentials.json"
VARIABLE: Final = "CLAUDE_CONFIG_DIR"

State = Literal["present", "missing"]


def configured_folder() -> Path | None:
    """Only where CLAUDE_CONFIG_DIR says so: a person's own login under ~/.claude is never taken unasked."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


class LoginFolder:
    """`source`: where the login lies; `copy`: where it is put if nothing can be written there. With `given`, a key of
    a Secret, `source` counts only if somebody put the login there already (an init container)."""

    def __init__(self, source: Path | None, copy: Path, given: Callable[[], bytes] | None = None) -> None:
        self._source = source
        self._copy = copy
        self._given = given
        self._copied: bytes | None = None
        self._seen = b""

    @property
    def folder(self) -> Path:
        """What the sessions use."""
        source = self._source
        if source is None or not os.access(source, os.W_OK):
            return self._copy
        return source if self._given is None or (source / FILE).exists() else self._copy

    @property
    def state(self) -> State:
        """Whether there is a credentials file that holds anything."""
        return "present" if _read(self.folder / FILE) or self._offered() else "missing"

    def look(self) -> bool:
        """Brings the folder up to date; True when its login is another one than at the last look. Never raises."""
        try:
            self._prepare()
        except OSError:
            return False
        found = _read(self.folder / FILE)
        changed, self._seen = found != self._seen, found
        return changed

    def _prepare(self) -> None:
        folder = self.folder
        (folder / "debug").mkdir(parents=True, exist_ok=True)
        if folder is self._source:
            return
        content = self._offered()
        if content and content != self._copied:
            target = folder / f"{FILE}.new"
            target.touch(mode=0o600)
            target.write_bytes(content)
            target.replace(folder / FILE)
            self._copied = content

    def _offered(self) -> bytes:
        if self._given is not None:
            return self._given()
        return _read(self._source / FILE) if self._source else b""


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
