"""`make soak`: two gateway processes, one Valkey, something killed every 20 s; nothing that a client saw may be lost.

    PYTHONPATH=tests python -m bench.soak [--minutes 10]

Clients talk to either gateway in shared conversations. A turn counts once its client has read the whole answer; at the
end every counted turn must stand in its conversation, once and in order. Resident memory is read all along.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from support.free_port import free_port
from support.gateway_files import gateway_document, model, write_documents
from support.valkey_server import ValkeyServer

KILL_EVERY = 20.0
CLIENTS = 8


@dataclass
class Gateway:
    """One gateway process that is started again whenever it is killed."""

    file: Path
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None
    memory: list[float] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "llmgateway", "serve", "-f", str(self.file), "--port", str(self.port)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def measure(self) -> None:
        with contextlib.suppress(psutil.Error):
            assert self.process is not None
            self.memory.append(psutil.Process(self.process.pid).memory_info().rss / 2**20)


@dataclass
class Count:
    """What the clients saw."""

    counted: dict[str, list[str]] = field(default_factory=dict)
    interrupted: int = 0
    without_store: int = 0


async def talk(number: int, gateways: list[Gateway], count: Count, until: float) -> None:
    """One client: one conversation, turn after turn, through whichever gateway answers."""
    conversation, turn = f"soak-{number}", 0
    said = count.counted.setdefault(conversation, [])
    async with httpx.AsyncClient(timeout=30) as client:
        while time.monotonic() < until:
            turn += 1
            text = f"{conversation} turn {turn}"
            body = {
                "model": "m", "stream": turn % 2 == 0, "conversation_id": conversation,
                "messages": [{"role": "user", "content": text}],
            }  # fmt: skip
            try:
                answer = await client.post(f"{random.choice(gateways).url}/v1/chat/completions", json=body)
                whole = answer.status_code == 200 and ("[DONE]" in answer.text or turn % 2 == 1)
            except httpx.HTTPError:
                count.interrupted += 1
                await asyncio.sleep(0.2)
                continue
            if answer.headers.get("x-llmgateway-store") == "away":
                count.without_store += 1
            if whole and "error" not in answer.text[:20]:
                said.append(text)
            if turn % 200 == 0:  # a fresh conversation: histories are sent whole with every turn
                conversation = f"soak-{number}-{turn}"
                said = count.counted.setdefault(conversation, [])
            await asyncio.sleep(0.01)


async def wrote_all(gateway: Gateway) -> None:
    """One fault at a time: what waits in memory for a store that is away is lost with its process, and said to be."""
    async with httpx.AsyncClient(timeout=10) as client:
        for _ in range(240):
            with contextlib.suppress(httpx.HTTPError):
                store = (await client.get(f"{gateway.url}/health")).json()["store"]
                if store["state"] == "ok" and not store["queued"]:
                    return
            await asyncio.sleep(0.25)


async def disturb(gateways: list[Gateway], valkey: ValkeyServer, until: float) -> int:
    """Kills one gateway after the other, and the store after every second one."""
    kills = 0
    while time.monotonic() + KILL_EVERY < until:
        await asyncio.sleep(KILL_EVERY)
        for gateway in gateways:
            gateway.measure()
        kills += 1
        if kills % 3 == 0:
            await asyncio.to_thread(valkey.restart)
            continue
        gateway = gateways[kills % 2]
        await wrote_all(gateway)
        gateway.kill()
        gateway.start()
    return kills


async def lost(gateways: list[Gateway], count: Count) -> list[str]:
    """Counted turns that are missing, or not in order."""
    missing = []
    async with httpx.AsyncClient(timeout=30) as client:
        for conversation, said in count.counted.items():
            answer = await client.get(f"{gateways[0].url}/v1/conversations/{conversation}")
            stored = [m["content"] for m in answer.json().get("messages", []) if m["role"] == "user"]
            kept = [text for text in stored if text in set(said)]
            if kept != said:
                missing += [text for text in said if text not in stored] or [f"{conversation}: order"]
    return missing


async def soak(minutes: float, folder: Path) -> dict[str, object]:
    with ValkeyServer(folder / "valkey", persistent=True) as valkey:
        models = [model("m", "s", upstream="scripted")]
        store = {"external": {"url": valkey.url}}
        document = gateway_document([{"name": "s", "type": "Scripted"}], models=models, store=store)
        file = write_documents(folder / "gateway.yaml", document)
        gateways = [Gateway(file, free_port(), folder / f"gateway-{place}.log") for place in range(2)]
        for gateway in gateways:
            gateway.start()
        await asyncio.sleep(8)
        until, count = time.monotonic() + 60 * minutes, Count()
        talking = [talk(number, gateways, count, until) for number in range(CLIENTS)]
        *_, kills = await asyncio.gather(*talking, disturb(gateways, valkey, until))
        for gateway in gateways:
            await wrote_all(gateway)
        missing = await lost(gateways, count)
        for gateway in gateways:
            gateway.measure()
            gateway.kill()
        return {
            "minutes": minutes, "kills": kills, "turns": sum(map(len, count.counted.values())),
            "conversations": len(count.counted), "interrupted": count.interrupted, "lost": missing,
            "memory_mib": [[round(value) for value in gateway.memory] for gateway in gateways],
        }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    with tempfile.TemporaryDirectory() as made:
        result = asyncio.run(soak(parser.parse_args().minutes, Path(made)))
    print(json.dumps(result, indent=2))
    sys.exit(1 if result["lost"] else 0)
