"""Pods that a kubelet or a scheduler holds up: their gateway says why, and serves once the cause is gone."""

from __future__ import annotations

from typing import Any

from support.cluster.end_to_end.gateways import RunningGateway, gateway
from support.kubectl import Kubectl, wait_until


def _container(**changes: Any) -> dict[str, Any]:
    return {"podTemplate": {"spec": {"containers": [{"name": "gateway", **changes}]}}}


SECRET_KEY = {"secretKeyRef": {"name": "nowhere", "key": "k"}}
TROUBLES = {
    "unpulled": (
        {"image": {"repository": "registry.invalid/nothing", "tag": "none"}},
        "container gateway: ImagePullBackOff: registry.invalid/nothing:none",
    ),
    "crashing": (_container(command=["sh", "-c", "exit 3"]), "container gateway: ended with exit code 3 (Error)"),
    "lacking": (
        _container(env=[{"name": "LACKING", "valueFrom": SECRET_KEY}]),
        'container gateway: CreateContainerConfigError: secret "nowhere" not found',
    ),
    "homeless": ({"podTemplate": {"spec": {"nodeSelector": {"no": "such-node"}}}}, "Unschedulable: 0/"),
}


def test_a_gateway_says_what_holds_its_pods_up_and_serves_once_it_is_gone(gateways: Kubectl) -> None:
    gateways.apply([gateway(name, **spec) for name, (spec, _) in TROUBLES.items()])
    running = {name: RunningGateway(gateways, name) for name in TROUBLES}
    for name, (_, trouble) in TROUBLES.items():
        wait_until(lambda name=name, trouble=trouble: trouble in _why_not(running[name]), 120, f"{name}: {trouble}")
    gateways.apply([gateway(name) for name in TROUBLES])
    for each in running.values():
        each.wait_until_ready()


def _why_not(running: RunningGateway) -> str:
    ready = running.condition("Ready")
    return ready["message"] if ready and ready["reason"] == "PodsStarting" else ""
