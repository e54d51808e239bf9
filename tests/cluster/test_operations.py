"""What an administrator does to a running installation, each time while fifty streams run: none of them is lost.

Clients judge: each counts the tokens that it got and looks for the last event. They never ask twice.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError

import pytest

from support.cluster.end_to_end.client_pods import execute
from support.cluster.end_to_end.gateways import KEYS, UPSTREAM_KEYS, secret
from support.cluster.end_to_end.helm_release import OperatorRelease
from support.cluster.end_to_end.load import Load, running_load
from support.cluster.end_to_end.operations_table import OperationsTable
from support.cluster.end_to_end.port_forward import port_forward
from support.cluster.end_to_end.served import Served, request
from support.kubectl import wait_until

QUICK = (60, 200)
"""Tokens of an answer where no pod drains: three to ten seconds."""


@pytest.fixture(scope="module")
def table() -> OperationsTable:
    return OperationsTable()


@contextmanager
def fifty_streams(served: Served, table: OperationsTable, operation: str, **how: object) -> Iterator[Load]:
    """Around an operation; in the end no stream may be lost."""
    with running_load(served.kubectl, served.demo.address, key=KEYS["alice"], **how) as load:
        yield load
    table.add(operation, load)
    assert load.in_flight(load.began) == load.clients
    assert not load.losses


def test_a_rolling_update_loses_no_stream(served: Served, table: OperationsTable) -> None:
    old = served.demo.pod_names()
    with fifty_streams(served, table, "rolling update of the gateway"):
        served.demo.annotate(restart_at=str(time.time()))
        served.demo.wait_until_gone(*old)
    served.demo.wait_until_ready()


def test_scaling_in_loses_no_stream(served: Served, table: OperationsTable) -> None:
    _scale(served, 3)
    old = served.demo.pod_names()
    with fifty_streams(served, table, "scale in from 3 pods to 1"):
        _scale(served, 1)
        kept = served.demo.pod_names()
        assert len(kept) == 1
        served.demo.wait_until_gone(*(set(old) - set(kept)))
    _scale(served, 2)


def test_draining_a_node_loses_no_stream(served: Served, table: OperationsTable) -> None:
    places = {pod["metadata"]["name"]: pod["spec"]["nodeName"] for pod in served.demo.pods()}
    nodes = [each["metadata"]["name"] for each in served.kubectl.items("nodes")]
    assert len(nodes) > 1, "a node is drained here: start the cluster with two (`make cluster-up NODES=2`)"
    drained = next((each for each in places.values() if each != served.store_node), served.store_node)
    others = [each for each in nodes if each != drained]
    try:
        with fifty_streams(served, table, "drain of a node", nodeName=others[0]):
            ours = "--pod-selector=app.kubernetes.io/part-of=llmgateway"
            served.kubectl.run("drain", drained, ours, "--delete-emptydir-data", "--timeout=200s", timeout=210)
            assert not any(pod["spec"]["nodeName"] == drained for pod in served.demo.pods())
    finally:
        served.kubectl.run("uncordon", drained)
    served.upstream.wait_until_ready()
    served.demo.wait_until_ready()


def test_an_upgrade_of_the_operator_loses_no_stream_and_restarts_no_gateway(
    served: Served, operator: OperatorRelease, table: OperationsTable
) -> None:
    gateways, old = served.demo.pod_names(), operator.pods()
    with fifty_streams(served, table, "upgrade of the operator", tokens=QUICK):
        operator.install(podAnnotations={"upgraded-at": str(time.time())})
        wait_until(lambda: not set(old) & set(operator.pods()), 60, "new operator pods")
        served.demo.merge(unknownModels="Reject")
        served.demo.wait_until_ready()
    assert served.demo.pod_names() == gateways
    served.demo.merge(unknownModels=None)


def test_a_restart_of_the_store_loses_no_stream_and_no_turn(
    served: Served, table: OperationsTable, tmp_path: Path
) -> None:
    [old] = served.demo.pod_names("store")
    with fifty_streams(served, table, "restart of the store", tokens=QUICK) as load:
        served.kubectl.delete("pod", old)
        served.demo.wait_until_ready()
        time.sleep(5)
    said = Counter(each["client"] for each in load.streams if "chat" in each["path"])
    with port_forward(served.kubectl, "service/demo-gateway", tmp_path) as url:
        stored = {each: request(f"{url}/v1/conversations/{each}", KEYS["alice"])["turns"] for each in said}
    assert stored == said


def test_a_restart_of_the_upstream_loses_no_stream(served: Served, table: OperationsTable) -> None:
    old = served.upstream.pod_names()
    with fifty_streams(served, table, "restart of the upstream"):
        served.upstream.annotate(restart_at=str(time.time()))
        served.upstream.wait_until_gone(*old)
    served.upstream.wait_until_ready()


def test_a_rotation_of_the_upstream_key_loses_no_stream(served: Served, table: OperationsTable, tmp_path: Path) -> None:
    """As it is done: the new key becomes valid, the gateway gets it, the old one is withdrawn."""
    kubectl = served.kubectl
    key = f"key-{time.time()}"
    with fifty_streams(served, table, "rotation of the upstream's key", tokens=QUICK):
        kubectl.apply(secret("upstream-keys", **UPSTREAM_KEYS, second=key))
        _wait_for_file(served, served.upstream.pod_names(), "upstream-keys/second", key)
        kubectl.apply(secret("upstream-key", key=key))
        _wait_for_file(served, served.demo.pod_names(), "upstream-key/key", key)
        kubectl.apply(secret("upstream-keys", first=f"withdrawn-{key}", second=key))
        _wait_for_file(served, served.upstream.pod_names(), "upstream-keys/first", f"withdrawn-{key}")
        time.sleep(5)
    with port_forward(kubectl, "service/upstream-gateway", tmp_path) as url, pytest.raises(HTTPError, match="401"):
        request(f"{url}/v1/models", UPSTREAM_KEYS["first"])


def _scale(served: Served, replicas: int) -> None:
    kubectl = served.kubectl
    kubectl.run("scale", "llmgateway", "demo", "-n", kubectl.namespace, f"--replicas={replicas}")
    served.demo.wait_until_ready()


def _wait_for_file(served: Served, pods: list[str], secret_key: str, value: str) -> None:
    """Until all pods see it, and the two seconds are over in which the gateway takes it over."""
    path = f"/etc/llmgateway/secrets/{secret_key}"
    read = f"cat {path} 2>/dev/null || true"
    for pod in pods:
        wait_until(lambda pod=pod: execute(served.kubectl, pod, "sh", "-c", read) == value, 150, f"{path} in {pod}")
    time.sleep(2)
