"""A store that is full: requests go on, old conversations go, nothing crashes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.cluster.end_to_end.gateways import RunningGateway, gateway
from support.cluster.end_to_end.port_forward import port_forward
from support.cluster.end_to_end.served import request
from support.kubectl import Kubectl, wait_until

TEXT = "word " * 20_000
"""About 100 kB a turn."""
SMALL_STORE = {"maxmemory": "4Mi", "resources": {"limits": {"memory": "128Mi"}}}
STATE = "/state/state.db"
SMALL_DISK = {"name": "state", "emptyDir": {"medium": "Memory", "sizeLimit": "4Mi"}}


def test_a_full_store_drops_its_oldest_conversations(gateways: Kubectl, tmp_path: Path) -> None:
    running = _applied(gateways, "full", store={"managed": SMALL_STORE})
    with port_forward(gateways, "service/full-gateway", tmp_path) as url:
        for number in range(80):
            _say(url, f"conversation-{number}")
        newest = request(f"{url}/v1/conversations/conversation-79", "none")
    assert newest["turns"] == 1
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
        store = request(f"{url}/health", "none")["store"]
        assert (store["state"], store["queued"] > 0) == ("degraded", True), store
        assert running.valkey("FLUSHALL") == "OK"
        wait_until(lambda: request(f"{url}/health", "none")["store"]["state"] == "ok", 90, "a store that has room")
    assert running.restarts() == 0


def test_a_full_disk_under_the_local_store_fails_no_request(gateways: Kubectl, tmp_path: Path) -> None:
    template = {"spec": {"volumes": [SMALL_DISK]}}
    running = _applied(gateways, "disk", store={"local": {"path": STATE}}, podTemplate=template)
    with port_forward(gateways, "service/disk-gateway", tmp_path) as url:
        for number in range(80):
            _say(url, f"conversation-{number}")
        store = request(f"{url}/health", "none")["store"]
        assert store["state"] == "degraded", store
        assert request(f"{url}/v1/conversations/conversation-0", "none")["turns"] == 1
    assert running.restarts() == 0


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
