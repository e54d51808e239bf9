"""What a user does first: install the operator, apply a gateway, chat through it."""

from __future__ import annotations

import json
from pathlib import Path

from support.cluster.end_to_end import chat_with_sdks
from support.cluster.end_to_end.client_pods import HERE, logs, script_pod, scripts, wait_for_phase
from support.cluster.end_to_end.gateways import KEYS
from support.cluster.end_to_end.port_forward import port_forward


def test_a_gateway_becomes_ready_where_only_restricted_pods_may_run(served) -> None:
    assert len(served.demo.pods()) == 2
    assert len(served.demo.pods("store")) == 1
    assert served.demo.condition("ConfigurationWarning") is None


def test_both_official_sdks_chat_from_a_pod_through_the_service(served) -> None:
    kubectl = served.kubectl
    command = ["chat_with_sdks.py", served.demo.url, KEYS["alice"]]
    kubectl.apply([scripts("sdks", HERE / "chat_with_sdks.py"), script_pod("sdks", "sdks", command)])
    phase = wait_for_phase(kubectl, "sdks", 60)
    assert phase == "Succeeded", logs(kubectl, "sdks")
    assert json.loads(logs(kubectl, "sdks")) == chat_with_sdks.EXPECTED


def test_both_official_sdks_chat_through_port_forward(served, tmp_path: Path) -> None:
    with port_forward(served.kubectl, "service/demo-gateway", tmp_path) as url:
        assert chat_with_sdks.chat(url, KEYS["alice"]) == chat_with_sdks.EXPECTED
