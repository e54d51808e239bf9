"""What is said of pods that do not come up: the object at fault, in words that stay the same from try to try."""

from __future__ import annotations

from typing import Any, cast

import pytest

from llmgateway_operator.cluster.errors import ClusterError, Forbidden, Unreachable, error_of
from llmgateway_operator.cluster.kinds import Kind
from llmgateway_operator.cluster.port import Cluster
from llmgateway_operator.observe.pod_trouble import lacks_pods, trouble_behind, trouble_of

PULLED = "registry/llmgateway:1"


def pod(name: str = "web-1", born: str = "2026-01-01T00:00:00Z", **status: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "creationTimestamp": born}, "status": status}


def container(state: dict[str, Any], *, last: dict[str, Any] | None = None, name: str = "gateway") -> dict[str, Any]:
    return {"name": name, "image": PULLED, "ready": False, "state": state, "lastState": last or {}}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


CRASHED = {"terminated": {"exitCode": 2, "reason": "Error", "message": "password=secret"}}


@pytest.mark.parametrize(
    ("status", "trouble"),
    [
        ({}, ""),
        ({"containerStatuses": None, "conditions": None}, ""),
        ({"containerStatuses": [container(waiting("ContainerCreating"))]}, ""),
        ({"initContainerStatuses": [container({"running": {}})], "containerStatuses": []}, ""),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3"}]},
            "Unschedulable: 0/3",
        ),
        (
            {"containerStatuses": [container(waiting("CreateContainerConfigError", 'secret "x" not found'))]},
            'container gateway: CreateContainerConfigError: secret "x" not found',
        ),
        (
            {"containerStatuses": [container(waiting("RunContainerError", "token=secret"))]},
            "container gateway: RunContainerError",
        ),
        (
            {"initContainerStatuses": [container(waiting("CrashLoopBackOff"), last=CRASHED, name="copy")]},
            "container copy: ended with exit code 2 (Error)",
        ),
    ],
)
def test_the_trouble_of_a_pod(status: dict[str, Any], trouble: str) -> None:
    assert trouble_of([pod(**status)]) == (f"pod web-1: {trouble}" if trouble else "")


def test_words_stay_the_same_from_try_to_try() -> None:
    crashing = [
        container(CRASHED),
        container(waiting("CrashLoopBackOff", "back-off 20s restarting"), last=CRASHED),
        container(waiting("CrashLoopBackOff", "back-off 40s restarting"), last=CRASHED),
        container({"running": {}}, last=CRASHED),
    ]
    pulling = [container(waiting("ErrImagePull", "not found")), container(waiting("ImagePullBackOff", "Back-off"))]
    for each in (crashing, pulling):
        assert len({trouble_of([pod(containerStatuses=[state])]) for state in each}) == 1
    assert trouble_of([pod(containerStatuses=[pulling[0]])]) == (
        f"pod web-1: container gateway: ImagePullBackOff: {PULLED}"
    )


def test_a_container_that_recovered_is_no_trouble() -> None:
    recovered = {**container({"running": {}}, last=CRASHED), "ready": True}
    assert trouble_of([pod(containerStatuses=[recovered])]) == ""


def test_the_newest_pod_with_a_trouble_is_told() -> None:
    broken = {"containerStatuses": [container(waiting("ErrImagePull"))]}
    pods = [pod("old", "2026-01-01T00:00:00Z", **broken), pod("new", "2026-01-02T00:00:00Z", **broken)]
    assert trouble_of([*pods, pod("fine", "2026-01-03T00:00:00Z")]).startswith("pod new:")


def test_a_pod_that_is_over_is_no_trouble() -> None:
    crashed = [container(CRASHED)]
    assert trouble_of([pod(phase="Failed", containerStatuses=crashed)]) == ""


class Pods:
    """A cluster that has these, or refuses to say."""

    def __init__(self, found: list[dict[str, Any]] | ClusterError) -> None:
        self.found = found
        self.asked: list[tuple[str, str, str]] = []

    async def some(self, kind: Kind, namespace: str, selector: str) -> list[dict[str, Any]]:
        self.asked.append((kind.plural, namespace, selector))
        if isinstance(self.found, ClusterError):
            raise self.found
        return self.found


def deployment(ready: int) -> dict[str, Any]:
    selector = {"matchLabels": {"b": "2", "a": "1"}}
    return {"spec": {"selector": selector}, "status": {"replicas": 1, "readyReplicas": ready}}


async def test_only_the_pods_of_a_deployment_that_lacks_some_are_read() -> None:
    cluster = Pods([pod(containerStatuses=[container(waiting("ErrImagePull"))])])
    for each in (None, deployment(1)):
        assert await trouble_behind(cast(Cluster, cluster), "team", each) == ""
    assert cluster.asked == []
    assert await trouble_behind(cast(Cluster, cluster), "team", deployment(0)) == (
        f"pod web-1: container gateway: ImagePullBackOff: {PULLED}"
    )
    assert cluster.asked == [("pods", "team", "a=1,b=2")]


async def test_an_operator_that_may_not_read_pods_works_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    refusal = error_of("list pods", 403, '{"message": "pods is forbidden"}', None)
    assert isinstance(refusal, Forbidden)
    assert await trouble_behind(cast(Cluster, Pods(refusal)), "team", deployment(0)) == ""
    assert "pods is forbidden" in caplog.text
    with pytest.raises(Unreachable):
        await trouble_behind(cast(Cluster, Pods(Unreachable("list pods: away"))), "team", deployment(0))


@pytest.mark.parametrize(
    ("deployment", "lacking"),
    [
        (None, False), ({}, False), ({"status": {"replicas": 2, "readyReplicas": 2}}, False),
        ({"status": {"replicas": 1}}, True), ({"status": {"replicas": 2, "readyReplicas": 1}}, True),
    ],
)  # fmt: skip
def test_pods_are_looked_at_only_where_some_are_not_ready(deployment: dict[str, Any] | None, lacking: bool) -> None:
    assert lacks_pods(deployment) is lacking
