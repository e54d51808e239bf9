"""A gateway process as far as storage goes: `python write_turns.py <url or file> <name> <number of turns>`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from llmgateway.storage.records import Turn
from llmgateway.storage.resilient import GuardSettings, ResilientStore
from llmgateway.storage.sqlite import SqliteStore
from llmgateway.storage.valkey import ValkeyStore


async def write(location: str, name: str, turns: int) -> None:
    inner = ValkeyStore(location, timeout=0.5) if "://" in location else SqliteStore(Path(location))
    store = ResilientStore(inner, GuardSettings(max_backoff=0.3))
    for number in range(turns):
        messages = [{"role": "user", "content": "question " * 20}, {"role": "assistant", "content": "answer " * 50}]
        await store.conversations.append("ann", "c", Turn(id=f"{name}{number}", at=1.0, messages=messages))
        await asyncio.sleep(0.002)
    async with asyncio.timeout(30):
        while store.health().state != "ok":
            await asyncio.sleep(0.05)
    assert store.health().dropped == 0
    await store.close()


if __name__ == "__main__":
    asyncio.run(write(sys.argv[1], sys.argv[2], int(sys.argv[3])))
