"""The gateways that most tests share."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from typing import Any

from support.cluster.end_to_end.gateways import (
    DRAIN,
    KEYS,
    UPSTREAM,
    UPSTREAM_KEYS,
    RunningGateway,
    auth,
    gateway,
    secret,
)
from support.kubectl import Kubectl


@dataclass(frozen=True)
class Served:
    """Two pods of `demo` in front of `upstream`, a gateway with the built-in model. Conversations are kept in a
    Valkey that logs every write; its volume is on the node `store_node` (empty: it moves with the pod)."""

    kubectl: Kubectl
    demo: RunningGateway
    upstream: RunningGateway
    store_node: str


def serve(kubectl: Kubectl, store_node: str) -> Served:
    """Applies them and waits until they are ready."""
    secrets = [secret("client-keys", **KEYS), secret("upstream-keys", **UPSTREAM_KEYS)]
    secrets.append(secret("upstream-key", key=UPSTREAM_KEYS["first"]))
    demo = gateway(
        "demo",
        UPSTREAM,
        auth=auth("client-keys"),
        store={"managed": {"persistence": {"mode": "AOF"}}},
        scaling={"replicas": 2},
        availability={"drain": DRAIN, "podDisruptionBudget": {"minAvailable": 1}},
    )
    kubectl.apply([*secrets, gateway("upstream", auth=auth("upstream-keys")), demo])
    served = Served(kubectl, RunningGateway(kubectl, "demo"), RunningGateway(kubectl, "upstream"), store_node)
    served.upstream.wait_until_ready()
    served.demo.wait_until_ready()
    return served


def request(url: str, key: str, body: Any = None, **headers: str) -> Any:
    """The JSON answer to a GET, or to a POST of `body`; raises urllib.error.HTTPError."""
    data = None if body is None else json.dumps(body).encode()
    named = {"authorization": f"Bearer {key}", "content-type": "application/json", **headers}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, data, named), timeout=30) as answer:
        return json.load(answer)
