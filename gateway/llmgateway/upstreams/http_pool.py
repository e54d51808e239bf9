"""The connections of one backend: kept while they are idle, limited in number, watched for silence."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque

import aiohappyeyeballs
from msgspec import Struct

from llmgateway.upstreams.http_connection import Connection
from llmgateway.upstreams.port import ConnectFailed

HAPPY_EYEBALLS = 0.25
"""Seconds before the next address is tried beside the last one (RFC 8305, section 5)."""
LOOKS_A_LIMIT = 10
"""A limit of t seconds is noticed after t / LOOKS_A_LIMIT more at the latest, and after a second."""


class PoolSettings(Struct, frozen=True, kw_only=True):
    """Limits of one pool, in seconds and connections."""

    connect: float = 10.0
    read: float = 600.0
    write: float = 30.0
    pool: float = 10.0
    max_connections: int = 1000
    keep_alive: float = 120.0


class HTTPPool:
    """Connections to one host and port. Implements `http_connection.Owner`."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None, settings: PoolSettings) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._settings = settings
        self._idle: list[Connection] = []  # the last one used is used first
        self._all: set[Connection] = set()
        self._connecting = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._look: asyncio.TimerHandle | None = None
        limits = (settings.read, settings.write, settings.keep_alive)
        self._every = min(1.0, *(limit / LOOKS_A_LIMIT for limit in limits))

    async def acquire(self) -> Connection:
        """A connection for one exchange. Raises ConnectFailed."""
        while True:
            while self._idle:
                connection = self._idle.pop()
                if connection.usable:
                    return connection
            if len(self._all) + self._connecting < self._settings.max_connections:
                return await self._connected()
            await self._turn()

    def release(self, connection: Connection) -> None:
        """The exchange is over; the connection can be used again."""
        connection.idle_since = connection.loop.time()
        self._idle.append(connection)
        self._wake_one()

    def dropped(self, connection: Connection) -> None:
        """The connection is gone."""
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        self._wake_one()

    def distrust(self) -> None:
        """One kept connection turned out to be dead: the others may be as old, so the next exchange gets a new one."""
        while self._idle:
            self._idle.pop().abort()

    def close(self) -> None:
        """Closes every connection, also those of running exchanges."""
        if self._look is not None:
            self._look.cancel()
            self._look = None
        for connection in list(self._all):
            connection.abort()

    async def _connected(self) -> Connection:
        loop = asyncio.get_running_loop()
        self._connecting += 1
        try:
            connection = await self._connect(loop)
        except TimeoutError:
            raise ConnectFailed("no connection within the connect limit") from None
        except OSError as error:
            raise ConnectFailed(error.strerror or type(error).__name__) from None
        finally:
            self._connecting -= 1
            self._wake_one()
        self._all.add(connection)
        if self._look is None:
            self._look = loop.call_later(self._every, self._look_around, loop)
        return connection

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> Connection:
        async with asyncio.timeout(self._settings.connect):
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            opened = await aiohappyeyeballs.start_connection(found, happy_eyeballs_delay=HAPPY_EYEBALLS, loop=loop)
            try:
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                name = self._host if self._tls is not None else None
                _, connection = await loop.create_connection(
                    lambda: Connection(self, loop), sock=opened, ssl=self._tls, server_hostname=name
                )
            except BaseException:
                opened.close()
                raise
        return connection

    async def _turn(self) -> None:
        """Returns when a connection may be free. Raises ConnectFailed."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._settings.pool):
                await turn
        except TimeoutError:
            raise ConnectFailed("no free connection within the pool limit") from None
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._wake_one()  # whoever left had been told: the next one is told instead
            raise

    def _wake_one(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _look_around(self, loop: asyncio.AbstractEventLoop) -> None:
        """One timer for all connections: a timer for each read would cost more than the read."""
        now, settings = loop.time(), self._settings
        for connection in self._idle:
            if now - connection.idle_since > settings.keep_alive:
                connection.abort()
        for connection in list(self._all):
            connection.check(now, settings.read, settings.write)
        self._look = loop.call_later(self._every, self._look_around, loop) if self._all else None
