"""LLMGateways for the operator's tests, and views of them."""

from __future__ import annotations

from typing import Any

from llmgateway_api import LLMGateway, parse_gateway
from llmgateway_operator.observe.observed import Observed

UID = "11111111-2222-3333-4444-555555555555"
Document = dict[str, Any]


def small_gateway(name: str = "demo", **spec: Any) -> Document:
    """With no spec: one scripted backend, no store."""
    backends = [{"name": "echo", "type": "Scripted"}]
    version = "llmgateway.dev/v1alpha1"
    return {
        "apiVersion": version,
        "kind": "LLMGateway",
        "metadata": {"name": name},
        "spec": {"backends": backends, **spec},
    }


def full_gateway(name: str = "demo") -> Document:
    """Leads to every kind of child, and refers to every kind of object."""
    login = {"tokenURL": "https://auth.example/token", "clientID": "c"}
    oauth = {"type": "ClientCredentials", "oauth": login | {"clientSecretRef": {"name": "client", "key": "secret"}}}
    service = {"serviceRef": {"name": "vllm", "port": 8000}}
    return small_gateway(
        name,
        backends=[
            {"name": "login", "type": "OpenAI", "oauth": oauth},
            {"name": "local", "type": "VLLM", "endpoint": service},
        ],
        store={"managed": {"persistence": {"mode": "RDB"}}},
        expose={
            "hostnames": ["llm.example"],
            "ingress": {"className": "traefik"},
            "httpRoute": {"parentRefs": [{"name": "public"}]},
        },
        scaling={"replicas": 1, "autoscale": {"min": 2, "max": 4}},
        availability={"podDisruptionBudget": {"minAvailable": 1}},
        network={"policy": {"enabled": True}},
        observability={"serviceMonitor": True, "prometheusRule": True, "dashboard": True},
    )


def refreshed_login(**spec: Any) -> Document:
    """An LLMCredential `login` whose refresh token is in the Secret `bootstrap`."""
    source = {"name": "bootstrap", "keys": {"refreshToken": "token"}}
    oauth = {"tokenURL": "https://login.example/token", "clientID": "c"}
    return {
        "apiVersion": "llmgateway.dev/v1alpha1",
        "kind": "LLMCredential",
        "metadata": {"name": "login"},
        "spec": {"type": "RefreshToken", "sourceRef": source, "oauth": oauth, **spec},
    }


def parsed(document: Document) -> LLMGateway:
    """Raises AssertionError with what is wrong."""
    gateway = parse_gateway(document)
    assert isinstance(gateway, LLMGateway), gateway
    return gateway


def observed(**facts: Any) -> Observed:
    given = {"namespace": "team", "name": "demo", "uid": UID, "generation": 3, "fresh_password": "fresh", **facts}
    return Observed(**given)
