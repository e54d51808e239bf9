"""Process marks in Valkey: one sorted set, by last beat."""

from __future__ import annotations

from llmgateway.storage.records import DAY, SilentProcess
from llmgateway.storage.valkey.connection import ValkeyConnection
from llmgateway.storage.valkey.keys import PROCESSES, milliseconds

_BEGIN = """
-- KEYS: processes. ARGV: name, time, ttl in ms
local before = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return before
"""
_CLAIM = """
-- KEYS: processes. ARGV: time
local silent = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[1], 'WITHSCORES')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[1])
return silent
"""


class ValkeyProcesses:
    """Implements `port.Processes`."""

    def __init__(self, connection: ValkeyConnection) -> None:
        self._connection = connection
        self._begin, self._claim = map(connection.script, (_BEGIN, _CLAIM))

    async def begin(self, process: str, at: float) -> float | None:
        before = await self._begin([PROCESSES], [process, repr(at), milliseconds(DAY)])
        return None if before is None else float(before)

    async def beat(self, process: str, at: float) -> None:
        await self.begin(process, at)

    async def end(self, process: str) -> None:
        await self._connection.call("ZREM", PROCESSES, process)

    async def claim_silent(self, before: float) -> list[SilentProcess]:
        flat = await self._claim([PROCESSES], [repr(before)])
        return [SilentProcess(name.decode(), float(beat)) for name, beat in zip(flat[::2], flat[1::2], strict=True)]
