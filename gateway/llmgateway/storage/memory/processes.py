"""Process marks in memory: they end with the process, so only its own clean restarts are ever seen."""

from __future__ import annotations

from llmgateway.storage.records import SilentProcess


class MemoryProcesses:
    """Implements `port.Processes`."""

    def __init__(self) -> None:
        self._beats: dict[str, float] = {}

    async def begin(self, process: str, at: float) -> float | None:
        left = self._beats.get(process)
        self._beats[process] = at
        return left

    async def beat(self, process: str, at: float) -> None:
        self._beats[process] = at

    async def end(self, process: str) -> None:
        self._beats.pop(process, None)

    async def claim_silent(self, before: float) -> list[SilentProcess]:
        silent = [SilentProcess(name, beat) for name, beat in self._beats.items() if beat < before]
        for process in silent:
            del self._beats[process.name]
        return silent
