"""Where a backend's sessions live on disk, and how one is started. Every session has an empty folder of its own, which
goes with it; only a login's folder is shared."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path

from llmgateway.upstreams.claude_agent import launcher
from llmgateway.upstreams.claude_agent.login_folder import LoginFolder
from llmgateway.upstreams.claude_agent.program import ARGUMENTS, environment, find_program
from llmgateway.upstreams.claude_agent.session import Session

PREFIX = "llmgateway-agent-"
_own: set[Path] = set()
"""Folders of this process."""


class NotInstalled(OSError):
    """The extra is not installed."""

    def __init__(self) -> None:
        super().__init__(2, "the extra `claude-agent` (package claude-agent-sdk) is not installed")


class Launch:
    """Starts sessions. `login` and `given_login`: where a login may be found (see LoginFolder); neither with a
    credential of the backend's own."""

    def __init__(
        self,
        base_url: str | None,
        authorities: str | None,
        read_timeout: float,
        login: Path | None = None,
        given_login: Callable[[], bytes] | None = None,
    ) -> None:
        self._base_url = base_url
        self._read_timeout = read_timeout
        self._program = find_program()
        self._root = _private_folder()
        self._numbers = count(1)
        self._authorities = self._root / "authorities.pem" if authorities else None
        if self._authorities is not None and authorities:
            self._authorities.write_text(authorities)
        wanted = login is not None or given_login is not None
        self.login = LoginFolder(login, self._root / "login", given_login) if wanted else None
        if self.login is not None:
            self.login.look()

    @property
    def installed(self) -> bool:
        """Whether there is a program to start."""
        return self._program is not None

    async def __call__(self) -> Session:
        """Raises OSError."""
        if self._program is None:
            raise NotInstalled
        folder = self._root / f"session-{next(self._numbers)}"
        (folder / "debug").mkdir(parents=True)
        config = self.login.folder if self.login else folder
        variables = environment(folder, config, base_url=self._base_url, read_timeout=self._read_timeout)
        if self._authorities is not None:
            variables["NODE_EXTRA_CA_CERTS"] = str(self._authorities)
        return Session(await launcher.start(self._program, ARGUMENTS, variables, folder), folder)

    def close(self) -> None:
        """Removes the folders."""
        shutil.rmtree(self._root, ignore_errors=True)


def _private_folder() -> Path:
    """Mode 0700, in the system's folder for temporary files or, where that is read-only, in the home folder."""
    prefix = f"{PREFIX}{os.getpid()}-"
    try:
        folder = Path(tempfile.mkdtemp(prefix=prefix))
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=Path.home()))
    _own.add(folder)
    remove_orphans(folder.parent)
    return folder


def remove_orphans(parent: Path) -> None:
    """Folders of gateways that were killed. A container's gateway has the same process id each time."""
    for folder in parent.glob(f"{PREFIX}*-*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        mine = owner == str(os.getpid())
        if owner.isdigit() and folder not in _own and (mine or not _lives(int(owner))):
            shutil.rmtree(folder, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
