"""How many pods there are: by hand, by an autoscaler; and the policy that guards them."""

from __future__ import annotations

from pathlib import Path

from support.cluster.end_to_end import chat_with_sdks
from support.cluster.end_to_end.gateways import RunningGateway, gateway
from support.cluster.end_to_end.port_forward import port_forward
from support.kubectl import Kubectl, wait_until


def test_kubectl_scale_changes_the_number_of_pods(gateways: Kubectl) -> None:
    running = _applied(gateways, "scaled")
    gateways.run("scale", "llmgateway", "scaled", "-n", gateways.namespace, "--replicas=2")
    running.wait_until_ready()
    assert len(running.pods()) == 2
    assert gateways.get("llmgateway", "scaled")["status"]["readyReplicas"] == 2


def test_an_autoscaler_takes_the_number_of_pods_over_from_the_operator(gateways: Kubectl) -> None:
    """Without a server of metrics it keeps to its limits alone: that is enough to see who decides."""
    running = _applied(gateways, "scaled")
    running.merge(scaling={"autoscale": {"min": 2, "max": 3, "targetStreams": 100, "targetCPU": 70}})
    wait_until(lambda: len(running.pods()) == 2, 60, "the autoscaler's minimum")
    running.wait_until_ready()
    target = gateways.get("horizontalpodautoscaler", "scaled-gateway")["spec"]["scaleTargetRef"]
    assert (target["kind"], target["name"]) == ("Deployment", "scaled-gateway")
    gateways.run("scale", "deployment", "scaled-gateway", "-n", gateways.namespace, "--replicas=3")
    running.wait_until_ready()
    assert len(running.pods()) == 3


def test_a_gateway_behind_network_policies_serves(gateways: Kubectl, tmp_path: Path) -> None:
    """Whether they are enforced is the cluster's network's affair."""
    _applied(gateways, "guarded", network={"policy": {"enabled": True}}, store={"managed": {}})
    names = {each["metadata"]["name"] for each in gateways.items("networkpolicies")}
    assert names == {"guarded-gateway", "guarded-valkey"}
    with port_forward(gateways, "service/guarded-gateway", tmp_path) as url:
        assert chat_with_sdks.chat(url, "none") == chat_with_sdks.EXPECTED


def _applied(kubectl: Kubectl, name: str, **spec: object) -> RunningGateway:
    kubectl.apply(gateway(name, **spec))
    running = RunningGateway(kubectl, name)
    running.wait_until_ready()
    return running
