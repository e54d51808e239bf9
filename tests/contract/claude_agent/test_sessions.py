"""Sessions live, are kept, killed and replaced; and what one conversation said never reaches another."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from contract.claude_agent.agent import running_agent
from contract.claude_agent.anthropic_endpoint import Answer, Asked, breaks, says
from llmgateway.upstreams.port import ConnectFailed

pytestmark = pytest.mark.asyncio


@pytest.mark.behaviour("C1")
async def test_a_conversation_goes_on_in_its_own_session_without_a_replay() -> None:
    async with running_agent(size=2) as agent:
        said: list[str] = []
        for number in range(5):
            said.append(f"turn {number}")
            said.append(await agent.text(*said))
        assert len(set(agent.sessions)) == 1
        assert [len(asked.body["messages"]) for asked in agent.endpoint.asked] == [1, 3, 5, 7, 9]


@pytest.mark.behaviour("C1")
async def test_a_session_is_recycled_after_its_turns() -> None:
    async with running_agent(size=2, max_turns=2) as agent:
        said: list[str] = []
        for number in range(3):
            said.append(f"turn {number}")
            said.append(await agent.text(*said))
        await agent.until_quiet()
        assert agent.transport.health()["recycled"] == 1
        assert said[-1] == "[turn 0][turn 1][turn 2]"


@pytest.mark.behaviour("C1")
async def test_interleaved_conversations_never_see_each_others_secrets() -> None:
    async with running_agent(size=4, pool_timeout=60.0, shared_credential=False) as agent:

        async def converse(name: str) -> None:
            said: list[str] = []
            for number in range(3):
                said.append(f"secret-{name}-{number}")
                said.append(await agent.text(*said, system=f"secret-system-{name}", key=f"key-{name}"))

        names = ["ZOE", "YANN", "WIM"]
        await asyncio.gather(*(converse(name) for name in names))
        assert len(agent.endpoint.asked) == 9
        for asked in agent.endpoint.asked:
            owner = asked.key.removeprefix("key-")
            mine, whole = f"secret-{owner}", str(asked.body)
            turns = (len(asked.body["messages"]) + 1) // 2
            assert all(f"{mine}-{number}" in whole for number in range(turns))
            assert f"secret-system-{owner}" in whole
            for other in names:
                assert other == owner or other not in whole


@pytest.mark.behaviour("C1")
async def test_the_same_words_under_another_key_or_system_prompt_are_another_conversation() -> None:
    async with running_agent(size=4, shared_credential=False) as agent:
        first = await agent.text("hello", key="key-a", system="A")
        await agent.text("hello", first, "go on", key="key-b", system="A")
        await agent.text("hello", first, "go on", key="key-a", system="B")
        await agent.text("hello", first + "?", "go on", key="key-a", system="A")
        assert len(set(agent.sessions)) == 4
        assert agent.endpoint.asked[1].key == "key-b"
        assert agent.endpoint.asked[2].body["system"][-1]["text"] == "B"


@pytest.mark.behaviour("C1")
async def test_dead_processes_of_a_pool_of_eight_are_replaced_before_a_request_meets_them() -> None:
    async with running_agent(size=8) as agent:
        await until(lambda: len(agent.transport.processes) == 8)
        for pid in agent.transport.processes[:5]:
            os.kill(pid, signal.SIGKILL)
        answers = await asyncio.gather(*(agent.text(f"question {number}") for number in range(6)))
        assert answers == [f"[question {number}]" for number in range(6)]
        assert len(agent.endpoint.asked) == 6
        assert agent.transport.health()["died"] >= 1


@pytest.mark.behaviour("C1")
async def test_a_process_that_dies_before_the_answer_begins_costs_no_request() -> None:
    async with running_agent(size=2) as agent:

        def brain(asked: Asked) -> Answer:
            if len(agent.endpoint.asked) == 1:  # the process that asks dies before it hears anything
                victim = next(pid for pid in agent.transport.processes if _is_connected(pid, agent.endpoint.url))
                os.kill(victim, signal.SIGKILL)
            return says("all ", "well")

        agent.endpoint.brain = brain
        assert await agent.text("hello") == "all well"
        assert len(agent.endpoint.asked) == 2


async def test_a_request_waits_for_a_session_and_gives_up_in_time() -> None:
    async with running_agent(size=1, pool_timeout=2) as agent:
        agent.endpoint.brain = lambda asked: breaks("first words", 30.0)
        answer = await agent.send("hello")
        with pytest.raises(ConnectFailed, match="busy"):
            await agent.send("me too")
        answer.close()


@pytest.mark.behaviour("C1")
async def test_closing_leaves_no_process_and_no_folder() -> None:
    async with running_agent(size=2) as agent:
        await agent.text("hello")
        processes = agent.transport.processes
        folders = {Path(f"/proc/{pid}/cwd").readlink().parent for pid in processes if psutil.pid_exists(pid)}
    assert processes and folders
    await until(lambda: not any(psutil.pid_exists(pid) for pid in processes))
    assert not any(folder.exists() for folder in folders)


ORPHAN = """
import asyncio
from llmgateway.upstreams.claude_agent.launch import Launch

async def main():
    session = await Launch("http://127.0.0.1:9", None, 10.0)()
    print(session.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.behaviour("C1")
async def test_no_process_outlives_a_gateway_that_is_killed() -> None:
    gateway = subprocess.Popen([sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE, text=True)
    assert gateway.stdout is not None
    with gateway.stdout as told:
        pid = int(told.readline())
    await until(lambda: "claude" in psutil.Process(pid).name())
    gateway.kill()
    gateway.wait()
    await until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)


def _is_connected(pid: int, url: str) -> bool:
    port = int(url.rsplit(":", 1)[1])
    connections = psutil.Process(pid).net_connections()
    return any(each.raddr and each.raddr.port == port for each in connections)


async def until(true: Callable[[], bool], within: float = 15.0) -> None:
    ends = time.monotonic() + within
    while not true():
        assert time.monotonic() < ends
        await asyncio.sleep(0.02)


@pytest.fixture(autouse=True)
def _no_session_is_left() -> object:
    yield
    assert not [each for each in psutil.Process().children() if each.name() == "claude"]
