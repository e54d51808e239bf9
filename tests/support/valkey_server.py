"""A real Valkey (or Redis) server as a child process, with everything that can go wrong with one.

with ValkeyServer(folder) as server:
    ValkeyStore(server.url)
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from redis import Redis
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import RedisError, ResponseError

from support.free_port import free_port
from support.server_process import ServerProcess, ServerStartError

PROGRAMS = ("valkey-server", "redis-server")
PACKAGES = ("valkey-server", "redis-server")
"""Names in Debian and Ubuntu; the first that the distribution has is taken."""
START_TIMEOUT = 20.0
SLOTS = 16384
POLICIES = (
    "noeviction", "allkeys-lru", "allkeys-lfu", "allkeys-random",
    "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl",
)  # fmt: skip


class MissingServerError(RuntimeError):
    """The message says what to install."""


def server_program() -> Path:
    """The server found on PATH. Raises MissingServerError."""
    for name in PROGRAMS:
        if found := shutil.which(name):
            return Path(found)
    raise MissingServerError("no Valkey server: install valkey-server or redis-server (7.0 or newer), or run as root")


def install_server() -> Path:
    """The server; installed by apt-get where it is missing and we may. Raises MissingServerError."""
    if not any(map(shutil.which, PROGRAMS)) and os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], env=environment, check=False)
        for package in PACKAGES:
            command = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", package]
            if subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode == 0:
                break
    return server_program()


class ValkeyServer:
    """Starts on construction and is ready then, on a port of 127.0.0.1 that it keeps. `cluster`: all slots on this one
    server, which is enough for it to refuse commands over several slots. `persistent`: a log of every write."""

    def __init__(self, folder: Path, *, cluster: bool = False, persistent: bool = False) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._options = ["--appendonly", "yes", "--appendfsync", "always"] if persistent else ["--appendonly", "no"]
        if cluster:
            self._options += ["--cluster-enabled", "yes", "--cluster-port", str(free_port())]  # else its port + 10000
        folder.mkdir(parents=True, exist_ok=True)
        self._process = self._started()
        if cluster:
            self._take_all_slots()

    def __enter__(self) -> ValkeyServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """SIGKILL: connections break, new ones are refused."""
        self._process.kill()

    def start(self) -> None:
        """After `kill`: on the same port, with what was persistent."""
        self._process = self._started()

    def restart(self) -> None:
        self.kill()
        self.start()

    def pause(self) -> None:
        """Connections stay, and new ones are accepted by the kernel; no command is answered."""
        self._process.pause()

    def resume(self) -> None:
        self._process.resume()

    def stall(self, seconds: float) -> None:
        """From now on every command waits until the time is over."""
        with self.client() as client:
            client.client_pause(int(seconds * 1000), all=True)

    def fill(self, policy: str, room: int = 2 * 1024 * 1024) -> None:
        """Sets maxmemory to what is used now plus `room` bytes, then writes filler until that is full: until writes are
        refused, or until the policy evicted something."""
        with self.client() as client:
            used = int(client.info("memory")["used_memory"])
            client.config_set("maxmemory", used + room)
            client.config_set("maxmemory-policy", policy)
            evicted = int(client.info("stats")["evicted_keys"])
            for number in range(10_000):
                try:
                    client.set(f"filler:{number}", b"x" * 20_000, ex=3600)
                except ResponseError:
                    return
                if int(client.info("stats")["evicted_keys"]) > evicted:
                    return
        raise AssertionError(f"{policy}: the server did not fill up")

    def make_room(self) -> None:
        """Ends what `fill` did."""
        with self.client() as client:
            client.config_set("maxmemory", 0)
            for key in client.scan_iter("filler:*"):
                client.delete(key)

    def flush(self) -> None:
        with self.client() as client:
            client.flushall()

    @contextmanager
    def client(self) -> Iterator[Redis]:
        """A plain connection, past the code under test."""
        client = Redis(port=self.port, socket_timeout=10)
        try:
            yield client
        finally:
            client.close()

    def _started(self) -> ServerProcess:
        command: list[str | Path] = [server_program()]
        command += ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        process = ServerProcess([*command, "--save", "", *self._options], self.folder / "server.log")
        try:
            process.wait_until_ready(self._answers, START_TIMEOUT)
        except ServerStartError:
            process.kill()
            raise
        return process

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except (NoConnection, RedisError):
            return False

    def _take_all_slots(self) -> None:
        with self.client() as client:
            client.cluster("ADDSLOTSRANGE", 0, SLOTS - 1)
        self._process.wait_until_ready(self._cluster_is_ok, START_TIMEOUT)

    def _cluster_is_ok(self) -> bool:
        with self.client() as client:
            try:
                client.set("probe", 1, ex=1)
            except RedisError:
                return False
            return True
