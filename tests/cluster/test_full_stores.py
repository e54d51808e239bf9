"""A store that is full: requests go on, old conversations go, nothing crashes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.cluster.end_to_end.client_pods import execute
from support.cluster.end_to_end.gateways import RunningGateway, gateway
from support.cluster.end_to_end.port_forward import port_forward
from support.cluster.end_to_end.served import request
from support.kubectl import Kubectl, wait_until

TEXT = "word " * 20_000
"""About 100 kB a turn."""
SMALL_STORE = {"maxmemory": "4Mi", "resources": {"limits": {"memory": "128Mi"}}}
STATE = "/state"
SMALL_DISK = {"name": "state", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}}


def test_a_full_store_drops_its_oldest_conversations(gateways: Kubectl, tmp_path: Path) -> None:
    running = _applied(gateways, "full", store={"managed": SMALL_STORE})
    with port_forward(gateways, "service/full-gateway", tmp_path) as url:
        for number in range(80):
            _say(url, f"conversation-{number}")
        assert _turns(url, 79) == 1
    assert _fact(running, "stats", "evicted_keys") > 0
    assert _fact(running, "memory", "used_memory") <= 1.1 * _fact(running, "memory", "maxmemory")
    assert running.restarts("store") == 0


def test_a_full_store_that_may_drop_nothing_fails_no_request(gateways: Kubectl, tmp_path: Path) -> None:
    kept = {**SMALL_STORE, "maxmemoryPolicy": "noeviction"}
    running = _applied(gateways, "full", store={"managed": kept})
    warning = running.condition("ConfigurationWarning")
    assert warning is not None
    assert warning["reason"] == "StoreEvictionDisabled"
    with port_forward(gateways, "service/full-gateway", tmp_path) as url:
        for number in range(80):
            _say(url, f"conversation-{number}")
        assert _store(url)["state"] == "degraded"
        assert _store(url)["queued"] > 0
        running.valkey("CONFIG", "SET", "maxmemory", "64mb")
        wait_until(lambda: _store(url)["state"] == "ok", 90, "a store that has room")
        assert [_turns(url, number) for number in range(80)] == [1] * 80
    assert running.restarts() == 0


def test_a_full_disk_under_the_local_store_fails_no_request(gateways: Kubectl, tmp_path: Path) -> None:
    template = {"spec": {"volumes": [SMALL_DISK]}}
    running = _applied(gateways, "disk", store={"local": {"path": f"{STATE}/state.db"}}, podTemplate=template)
    [pod] = running.pod_names()
    with port_forward(gateways, "service/disk-gateway", tmp_path) as url:
        _say(url, "conversation-0")
        execute(gateways, pod, "sh", "-c", f"cat /dev/zero > {STATE}/filler 2>/dev/null || true")
        for number in range(1, 20):
            _say(url, f"conversation-{number}")
        assert _store(url)["state"] == "degraded"
        assert _turns(url, 0) == 1
        execute(gateways, pod, "rm", f"{STATE}/filler")
        wait_until(lambda: _store(url)["state"] == "ok", 90, "a disk that has room")
        assert [_turns(url, number) for number in range(20)] == [1] * 20
    assert running.restarts() == 0


def _store(url: str) -> Any:
    return request(f"{url}/health", "none")["store"]


def _turns(url: str, number: int) -> Any:
    return request(f"{url}/v1/conversations/conversation-{number}", "none")["turns"]


def _say(url: str, conversation: str) -> Any:
    message = {"role": "user", "content": TEXT}
    body = {"model": "scripted", "conversation_id": conversation, "messages": [message]}
    answer = request(f"{url}/v1/chat/completions", "none", body)
    assert answer["choices"][0]["message"]["content"].startswith("You said: word")
    return answer


def _fact(running: RunningGateway, section: str, name: str) -> int:
    facts = dict(line.split(":", 1) for line in running.valkey("INFO", section).splitlines() if ":" in line)
    return int(facts[name])


def _applied(kubectl: Kubectl, name: str, **spec: object) -> RunningGateway:
    kubectl.apply(gateway(name, **spec))
    running = RunningGateway(kubectl, name)
    running.wait_until_ready()
    return running
