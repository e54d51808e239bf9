"""A store that comes back while its gateway stays busy."""

from __future__ import annotations

import asyncio

from llmgateway.storage.errors import StoreUnavailable
from llmgateway.storage.resilient.guard import Guard, GuardSettings

CLIENTS = 40
COMMAND = 0.01
"""Seconds of one command: one after the other, a hundred a second would be written while four hundred come."""


async def test_the_queue_of_a_busy_gateway_is_written_once_the_store_is_back() -> None:
    is_away, stored = True, dict[str, list[int]]()

    async def ping() -> None:
        if is_away:
            raise StoreUnavailable("away")

    async def store(client: str, number: int) -> bool:
        await ping()
        await asyncio.sleep(COMMAND)
        stored.setdefault(client, []).append(number)
        return True

    async def talk(client: str) -> None:
        for number in range(1_000_000):
            await guard.write((client,), number, lambda number=number: store(client, number), False)
            sent[client] = number
            await asyncio.sleep(0.1)

    guard = Guard(ping, GuardSettings(attempts=1, max_backoff=0.2), lambda: 0.0)
    sent = dict[str, int]()
    talking = [asyncio.create_task(talk(f"client-{number}")) for number in range(CLIENTS)]
    await asyncio.sleep(0.5)
    assert guard.health().queued >= CLIENTS
    is_away = False
    async with asyncio.timeout(10):
        while guard.health().queued or guard.health().state != "ok":
            await asyncio.sleep(0.02)
    for task in talking:
        task.cancel()
    await asyncio.gather(*talking, return_exceptions=True)
    assert all(numbers == list(range(len(numbers))) for numbers in stored.values())
    assert all(len(stored[client]) >= last for client, last in sent.items())
