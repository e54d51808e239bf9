"""Gateways and views of them for the operator's unit tests."""

from __future__ import annotations

from typing import Any

from llmgateway_api import LLMGateway, parse_gateway
from llmgateway_operator.observe.observed import Observed

UID = "11111111-2222-3333-4444-555555555555"


def document(name: str = "demo", annotations: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    backends = [{"name": "echo", "type": "Scripted"}]
    metadata = {"name": name, "namespace": "team", "uid": UID, "generation": 3, "annotations": annotations or {}}
    return {
        "apiVersion": "llmgateway.dev/v1alpha1",
        "kind": "LLMGateway",
        "metadata": metadata,
        "spec": {"backends": backends, **spec},
    }


def gateway(name: str = "demo", annotations: dict[str, str] | None = None, **spec: Any) -> LLMGateway:
    parsed = parse_gateway(document(name, annotations, **spec))
    assert isinstance(parsed, LLMGateway), parsed
    return parsed


def observed(**facts: Any) -> Observed:
    given = {"namespace": "team", "name": "demo", "uid": UID, "generation": 3, "fresh_password": "fresh", **facts}
    return Observed(**given)
