"""What a client said stays known: when the pod that heard it dies, and when the store is started anew."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from support.cluster.end_to_end.gateways import KEYS
from support.cluster.end_to_end.port_forward import port_forward
from support.cluster.end_to_end.served import Served, request
from support.kubectl import wait_until

ALICE = KEYS["alice"]


def test_a_conversation_survives_the_death_of_the_gateway_pods(served: Served, tmp_path: Path) -> None:
    name = _new_conversation()
    _say(served, tmp_path, name, "one two three")
    for pod in served.demo.pod_names():
        served.kubectl.delete("pod", pod, None, "--grace-period=0", "--force")
    served.demo.wait_until_ready()
    answer = _say(served, tmp_path, name, "four")
    assert answer["usage"]["prompt_tokens"] > len(
        ["one", "two", "three", "You", "said:", "one", "two", "three", "four"]
    )
    assert _texts(served, tmp_path, name) == ["one two three", "You said: one two three", "four", "You said: four"]


def test_a_conversation_survives_a_restart_of_the_store(served: Served, tmp_path: Path) -> None:
    name = _new_conversation()
    _say(served, tmp_path, name, "one two three")
    [pod] = served.demo.pod_names("store")
    served.kubectl.delete("pod", pod)
    served.demo.wait_until_ready()
    assert _texts(served, tmp_path, name) == ["one two three", "You said: one two three"]


def _new_conversation() -> str:
    return f"conversation-{uuid.uuid4().hex}"


def _say(served: Served, folder: Path, name: str, text: str) -> Any:
    body = {"model": "scripted", "conversation_id": name, "messages": [{"role": "user", "content": text}]}
    with port_forward(served.kubectl, "service/demo-gateway", folder) as url:
        return request(f"{url}/v1/chat/completions", ALICE, body)


def _texts(served: Served, folder: Path, name: str) -> list[str]:
    """A gateway that lost its store looks for it again within 30 s, and says 503 meanwhile."""
    with port_forward(served.kubectl, "service/demo-gateway", folder) as url:
        found = wait_until(lambda: _conversation(url, name), 40, f"conversation {name}")
    return [each["content"] for each in found["messages"]]


def _conversation(url: str, name: str) -> Any:
    try:
        return request(f"{url}/v1/conversations/{name}", ALICE)
    except HTTPError as refused:
        if refused.code == 503:
            return None
        raise
