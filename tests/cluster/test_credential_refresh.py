"""A login with single-use refresh tokens: refreshed by Jobs in pods of their own, used by the gateways at once."""

from __future__ import annotations

import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.cluster.end_to_end.client_pods import HERE, SUPPORT, script_pod, scripts, wait_for_readiness
from support.cluster.end_to_end.gateways import RunningGateway, gateway, secret
from support.cluster.end_to_end.port_forward import port_forward
from support.cluster.end_to_end.served import request
from support.kubectl import Kubectl, wait_until

AUTHORITY = {"name": "models", "type": "OpenAI", "endpoint": {"serviceRef": {"name": "authority", "port": 8080}}}
REFRESH_AT = "llmgateway.dev/refresh-at"
ASKED = {"model": "any", "messages": [{"role": "user", "content": "who am I?"}]}


@pytest.fixture
def authority(gateways: Kubectl, tmp_path: Path) -> Iterator[str]:
    """The token endpoint's address on this machine; pods know it as `authority`."""
    program = ["authority_pod.py"]
    listening = ["python3", "-c", "import socket; socket.create_connection(('127.0.0.1', 8080))"]
    files = scripts("authority", HERE / "authority_pod.py", SUPPORT / "token_families.py")
    service = {"selector": {"app": "authority"}, "ports": [{"port": 8080}]}
    gateways.apply([files, script_pod("authority", "authority", program, ready=listening)])
    gateways.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "authority"}, "spec": service})
    wait_for_readiness(gateways, "authority", 60)
    with port_forward(gateways, "pod/authority", tmp_path) as url:
        yield url


def test_jobs_refresh_a_login_and_gateways_take_the_new_token(
    gateways: Kubectl, authority: str, tmp_path: Path
) -> None:
    login = request(f"{authority}/login", "none")
    backend = {**AUTHORITY, "credentialRef": {"kind": "LLMCredential", "name": "login"}}
    model = {"name": "any", "backendRefs": [{"name": "models"}]}
    gateways.apply([secret("bootstrap", refresh=login["refresh"]), _credential()])
    gateways.apply(gateway("refreshed", backend, models=[model]))
    RunningGateway(gateways, "refreshed").wait_until_ready()
    with port_forward(gateways, "service/refreshed-gateway", tmp_path) as url:
        first = _another_token(url, "")
        gateways.run("annotate", "llmcredential", "login", "-n", gateways.namespace, f"{REFRESH_AT}={time.time()}")
        second = _another_token(url, first)
        by_schedule = _another_token(url, second)
    assert login["access"] not in (first, second, by_schedule)
    assert _owners_of_jobs(gateways) == {"CronJob", "LLMCredential"}
    counts = request(f"{authority}/counts", "none")
    assert counts["exchanges"] >= 3
    assert counts["double_spends"] == 0


def _credential() -> dict[str, Any]:
    """Looked at every minute, exchanged each time."""
    spec = {
        "type": "RefreshToken",
        "sourceRef": {"name": "bootstrap", "keys": {"refreshToken": "refresh"}},
        "oauth": {"tokenURL": "http://authority:8080/oauth/token", "clientID": "test"},
        "refresh": {"enabled": True, "schedule": "* * * * *", "before": "24h"},
    }
    return {
        "apiVersion": "llmgateway.dev/v1alpha1",
        "kind": "LLMCredential",
        "metadata": {"name": "login"},
        "spec": spec,
    }


def _token_in_use(url: str) -> str:
    """Empty until the kubelet has brought the first one into the pod."""
    try:
        answer: str = request(f"{url}/v1/chat/completions", "none", ASKED)["choices"][0]["message"]["content"]
    except urllib.error.HTTPError:
        return ""
    return answer


def _another_token(url: str, known: str) -> str:
    def other() -> str | None:
        now = _token_in_use(url)
        return now if now not in ("", known) else None

    return wait_until(other, 180, "a newer token in use")


def _owners_of_jobs(kubectl: Kubectl) -> set[str]:
    return {job["metadata"]["ownerReferences"][0]["kind"] for job in kubectl.items("jobs")}
