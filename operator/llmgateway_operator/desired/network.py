"""NetworkPolicies that allow what the gateway and its store need and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from llmgateway_api import LLMGateway
from llmgateway_api.workload import NetworkPolicy
from llmgateway_operator.cluster.kinds import NETWORK_POLICY
from llmgateway_operator.desired.naming import Manifest, Owner

_ALL_PODS: Final[Manifest] = {"namespaceSelector": {}}
_DNS: Final[Manifest] = {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}


def network_manifests(gateway: LLMGateway, owner: Owner) -> Iterator[Manifest]:
    """One for the gateway's pods, one for those of a managed store."""
    policy = gateway.spec.network.policy
    if not policy.enabled:
        return
    yield _of_gateway(policy, owner)
    if gateway.spec.store.managed:
        yield _of_store(owner)


def _of_gateway(policy: NetworkPolicy, owner: Owner) -> Manifest:
    peers = [dict(each) for each in policy.ingress_from] or [_ALL_PODS]
    egress: list[Manifest] = [{}]  # everywhere
    if policy.egress_cidrs:
        blocks = [{"ipBlock": {"cidr": each}} for each in policy.egress_cidrs]
        egress = [_DNS, {"to": [_ALL_PODS, *blocks]}]  # node-local DNS caches are no pods
    spec = {
        "podSelector": {"matchLabels": owner.selector("gateway")},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": peers, "ports": [{"port": "http", "protocol": "TCP"}]}],
        "egress": egress,
    }
    return owner.child(NETWORK_POLICY, owner.gateway, "gateway", spec=spec)


def _of_store(owner: Owner) -> Manifest:
    """It answers the gateway and calls nobody."""
    peer = {"podSelector": {"matchLabels": owner.selector("gateway")}}
    spec = {
        "podSelector": {"matchLabels": owner.selector("store")},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [{"from": [peer], "ports": [{"port": "valkey", "protocol": "TCP"}]}],
    }
    return owner.child(NETWORK_POLICY, owner.store, "store", spec=spec)
