"""A server as a child process: its output is kept, its end is noticed, it never outlives its parent."""

from __future__ import annotations

import shutil
import signal
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path


class ServerStartError(RuntimeError):
    """A server ended, or did not become ready in time; the message holds the end of its log."""


class ServerProcess:
    """`command` started with its output appended to `log`. `environment` None: this process's own."""

    def __init__(self, command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None) -> None:
        self.name = Path(command[0]).name
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*_ends_with_its_parent(), *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C is for the tests, which then stop the servers in order
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_running(self) -> bool:
        return self._process.poll() is None

    def wait_until_ready(self, is_ready: Callable[[], bool], timeout: float) -> None:
        """Polls `is_ready`. Raises ServerStartError, at once if the process ends."""
        deadline = time.monotonic() + timeout
        while not is_ready():
            if not self.is_running():
                raise ServerStartError(f"{self.name} ended with {self._process.returncode}:\n{self.log_tail()}")
            if time.monotonic() > deadline:
                raise ServerStartError(f"{self.name} is not ready after {timeout:.0f} s:\n{self.log_tail()}")
            time.sleep(0.05)

    def stop(self, grace: float = 10) -> None:
        """SIGTERM, after `grace` seconds SIGKILL. Does nothing when it has ended already."""
        self._process.terminate()
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """It stays connected and answers nothing (SIGSTOP): what a hung server looks like to its clients."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def log_tail(self, lines: int = 25) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def answers(url: str, tls: ssl.SSLContext | None = None) -> bool:
    """Whether a GET gives a status of 200 within five seconds; no proxy is asked."""
    handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls)]
    try:
        with urllib.request.build_opener(*handlers).open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:  # URLError included: refused, reset, timed out, or an HTTP status from 300 up
        return False


def _ends_with_its_parent() -> list[str]:
    """prctl(PR_SET_PDEATHSIG) by util-linux: no Python runs between fork and exec."""
    if shutil.which("setpriv") is None:
        raise ServerStartError("servers are started by `setpriv`: install util-linux 2.33 or newer")
    return ["setpriv", "--pdeathsig", "KILL", "--"]
