"""One live process, and its two pipes. Exactly one owner at a time reads and writes it: there is no reader task."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from llmgateway.upstreams.claude_agent.launcher import has_ended, kill_group
from llmgateway.upstreams.claude_agent.lines import Line, read_line
from llmgateway.wire import json_codec

CHUNK = 65536
LONGEST_LINE = 64 * 1024 * 1024


class SessionEnded(Exception):
    """The process died, or closed its output."""


class ProtocolRefused(Exception):
    """The process understood a control request, and refused it."""


class Session:
    """A process. `turns` counts the questions that it answered, `last_used` is when it was last given back."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path, clock: Callable[[], float] = time.monotonic):
        if process.stdin is None or process.stdout is None:
            raise ValueError("a session needs both pipes")
        self._process, self._input, self._output = process, process.stdin, process.stdout
        self._folder = folder
        self._clock = clock
        self._received = bytearray()
        self._searched = 0
        self._killed = False
        self._numbers = count(1)
        self.born = self.last_used = clock()
        self.turns = 0
        self.conversation: bytes | None = None
        """Digest of what this process has heard and said; None before its first turn is over."""

    @property
    def pid(self) -> int:
        """Of the process, and of its group."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """What the kernel says now."""
        return not has_ended(self._process)

    async def ended(self) -> int:
        """Waits for the process's end; its exit status."""
        return await self._process.wait()

    def kill(self) -> None:
        """Ends the whole process group at once, and its connections with it; its folder goes too. Only once: later
        the group's id may be another's."""
        if self._killed:
            return
        self._killed = True
        kill_group(self.pid)
        shutil.rmtree(self._folder, ignore_errors=True)

    async def control(self, *requests: Mapping[str, Any]) -> None:
        """Sends control requests together and waits until all are answered.

        Raises SessionEnded, and ProtocolRefused for an answer that is an error."""
        waiting: set[str] = set()
        for request in requests:
            number = f"gateway-{next(self._numbers)}"
            waiting.add(number)
            await self.write({"type": "control_request", "request_id": number, "request": request})
        while waiting:
            response = (await self.read()).response
            if isinstance(response, dict) and response.get("request_id") in waiting:
                waiting.discard(response["request_id"])
                if response.get("subtype") != "success":
                    raise ProtocolRefused(str(response.get("error")))

    async def write(self, message: Mapping[str, Any]) -> None:
        """One line. Raises SessionEnded."""
        try:
            self._input.write(json_codec.encode(message) + b"\n")
            await self._input.drain()
        except (ConnectionError, RuntimeError, OSError):
            raise SessionEnded("the agent's process no longer listens") from None

    async def read(self) -> Line:
        """The next message. Raises SessionEnded."""
        while True:
            line = self.read_arrived()
            if line is not None:
                return line
            await self._receive()

    def read_arrived(self) -> Line | None:
        """The next message, if it is here already."""
        while (end := self._received.find(b"\n", self._searched)) >= 0:
            data = bytes(self._received[:end])
            del self._received[: end + 1]
            self._searched = 0
            line = read_line(data)
            if line is not None:
                return line
        self._searched = len(self._received)
        return None

    async def _receive(self) -> None:
        data = b""
        with suppress(ConnectionError, OSError):
            data = await self._output.read(CHUNK)
        if not data:
            raise SessionEnded("the agent's process ended")
        self._received += data
        if len(self._received) > LONGEST_LINE:
            raise SessionEnded("the agent's process wrote a line of more than 64 MiB")
