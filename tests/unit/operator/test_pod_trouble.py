"""What is said of pods that do not come up: the object at fault, in words that stay the same from try to try."""

from __future__ import annotations

from typing import Any

import pytest

from llmgateway_operator.observe.pod_trouble import lacks_pods, trouble_of

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


@pytest.mark.parametrize(
    ("deployment", "lacking"),
    [
        (None, False), ({}, False), ({"status": {"replicas": 2, "readyReplicas": 2}}, False),
        ({"status": {"replicas": 1}}, True), ({"status": {"replicas": 2, "readyReplicas": 1}}, True),
    ],
)  # fmt: skip
def test_pods_are_looked_at_only_where_some_are_not_ready(deployment: dict[str, Any] | None, lacking: bool) -> None:
    assert lacks_pods(deployment) is lacking
