"""One seam to redis-py: commands and scripts, its exceptions translated, tries left to `resilient`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript

from llmgateway.storage.errors import StoreError, StoreFull, StoreUnavailable

Part = str | bytes | int | float

CONNECTIONS = 64
FOLLOWERS = 256
"""Connections of their own for those who wait for events: a waiting one must not keep a write from its turn."""
FOLLOWER_WAIT = 2.0
"""Longest wait of one blocking command, seconds; then the follower asks again."""

CROWDED_WAIT = 0.5
"""Pause of a follower for whom no connection is left, seconds; then it looks again."""

_FULL = ("OOM", "READONLY", "MISCONF", "NOREPLICAS")
_NOT_ALLOWED = (exceptions.AuthenticationError, exceptions.AuthorizationError, exceptions.NoPermissionError)
_AWAY = ("LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK", "BUSY", "UNKILLABLE")


class ValkeyConnection:
    """Two pools, opened on demand. `timeout` in seconds, for connecting, for a free connection, and for each answer.

    Raises StoreUnavailable, StoreFull, or StoreError for what the server calls our fault."""

    def __init__(self, url: str, password: str | None, timeout: float) -> None:
        self._commands = _client(url, password, CONNECTIONS, timeout, timeout)
        self._followers = _client(url, password, FOLLOWERS, timeout, timeout + FOLLOWER_WAIT)
        self._execute: Callable[..., Awaitable[Any]] = self._commands.execute_command
        self._free_followers = asyncio.Semaphore(FOLLOWERS)

    async def call(self, *command: Part) -> Any:
        """One command; answers are as RESP2 has them, texts as bytes."""
        try:
            return await self._execute(*command)
        except (exceptions.RedisError, OSError) as error:
            raise _translated(error) from None

    async def call_all(self, commands: Sequence[Sequence[Part]]) -> list[Any]:
        """Several commands in one round trip, not atomic together."""
        answers = await _in_one_trip(self._commands, commands)
        for answer in answers:
            if isinstance(answer, Exception):
                raise _translated(answer)
        return answers

    async def follow(self, stream: str, after: str, seconds: float) -> list[tuple[bytes, dict[bytes, bytes]]]:
        """Entries of a stream with ids above `after`; none after `seconds` (FOLLOWER_WAIT at most)."""
        if self._free_followers.locked():
            await asyncio.sleep(min(seconds, CROWDED_WAIT))
            return []
        milliseconds = max(1, int(min(seconds, FOLLOWER_WAIT) * 1000))
        try:
            async with self._free_followers:
                found: Any = await self._followers.xread({stream: after}, block=milliseconds)
        except (exceptions.RedisError, OSError) as error:
            raise _translated(error) from None
        return list(found[0][1]) if found else []

    def script(self, source: str) -> Script:
        """A Lua script; it is loaded where the server does not know it (again after each restart)."""
        return Script(self._commands, source)

    async def close(self) -> None:
        await self._commands.aclose()
        await self._followers.aclose()


class Script:
    """One atomic step on the server."""

    def __init__(self, client: Redis, source: str) -> None:
        self._client = client
        self._script: AsyncScript = client.register_script(source)

    async def __call__(self, keys: Sequence[str], arguments: Sequence[Part]) -> Any:
        try:
            return await self._script(keys=list(keys), args=list(arguments))
        except (exceptions.RedisError, OSError) as error:
            raise _translated(error) from None

    async def after(self, commands: Sequence[Sequence[Part]], keys: Sequence[str], arguments: Sequence[Part]) -> Any:
        """The same in one round trip with `commands`, which are executed first; nobody looks at their answers."""
        call: Sequence[Part] = ["EVALSHA", self._script.sha, len(keys), *keys, *arguments]
        answer = (await _in_one_trip(self._client, [*commands, call]))[-1]
        if isinstance(answer, exceptions.NoScriptError):
            return await self(keys, arguments)
        if isinstance(answer, Exception):
            raise _translated(answer)
        return answer


async def _in_one_trip(client: Redis, commands: Sequence[Sequence[Part]]) -> list[Any]:
    """One answer each, or the exception that the server's refusal became."""
    pipeline = client.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)
    try:
        answers: list[Any] = await pipeline.execute(raise_on_error=False)
    except (exceptions.RedisError, OSError) as error:
        raise _translated(error) from None
    return answers


def _client(url: str, password: str | None, connections: int, timeout: float, answer_timeout: float) -> Redis:
    pool = BlockingConnectionPool.from_url(
        url,
        password=password,
        max_connections=connections,
        timeout=timeout,
        socket_connect_timeout=timeout,
        socket_timeout=answer_timeout,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    client: Redis = Redis.from_pool(pool)
    return client


def _translated(error: Exception) -> StoreError:
    """The server's or the network's word in ours. Only the error's kind is told: texts may quote what was sent."""
    word = str(error).partition(" ")[0].strip("-:")
    if isinstance(error, _NOT_ALLOWED):
        return StoreUnavailable("the store refuses our password or our rights")
    if isinstance(error, (exceptions.OutOfMemoryError, exceptions.ReadOnlyError)) or word in _FULL:
        return StoreFull(f"the store takes no writes ({word if word in _FULL else type(error).__name__})")
    if isinstance(error, (exceptions.ConnectionError, exceptions.TimeoutError, exceptions.ClusterError, OSError)):
        return StoreUnavailable(f"the store does not answer ({type(error).__name__})")
    if word in _AWAY or isinstance(error, (exceptions.AskError, exceptions.TryAgainError)):
        return StoreUnavailable(f"the store is not ready ({word})")
    return StoreError(f"the store refused a command ({type(error).__name__}: {word})")
