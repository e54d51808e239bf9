"""The CustomResourceDefinitions: the schema, and how the resources look in `kubectl get`."""

from __future__ import annotations

from typing import Any, Final

from llmgateway_api.api_model import ApiModel
from llmgateway_api.credential import LLMCredential
from llmgateway_api.gateway import LLMGateway
from llmgateway_api.metadata import GROUP, VERSION
from llmgateway_api.structural_schema import structural_schema

Column = dict[str, Any]

_READY: Final = '.status.conditions[?(@.type=="Ready")]'


def _column(name: str, path: str, of: str = "string", **more: Any) -> Column:
    return {"name": name, "type": of, "jsonPath": path, **more}


_AGE: Final = _column("Age", ".metadata.creationTimestamp", "date")

GATEWAY_COLUMNS: Final[tuple[Column, ...]] = (
    _column("Ready", f"{_READY}.status"),
    _column("Reason", f"{_READY}.reason"),
    _column("URL", ".status.url"),
    _column("Models", ".status.models"),
    _column("Replicas", ".status.readyReplicas", "integer", description="Pods that answer."),
    _AGE,
    _column("Message", f"{_READY}.message", priority=1),
)
CREDENTIAL_COLUMNS: Final[tuple[Column, ...]] = (
    _column("Ready", f"{_READY}.status"),
    _column("Reason", f"{_READY}.reason"),
    _column("Expires", ".status.expiresAt"),
    _column("Next refresh", ".status.nextRefreshTime"),
    _AGE,
    _column("Message", f"{_READY}.message", priority=1),
)
SCALE: Final = {
    "specReplicasPath": ".spec.scaling.replicas",
    "statusReplicasPath": ".status.replicas",
    "labelSelectorPath": ".status.selector",
}


def gateway_definition() -> dict[str, Any]:
    """The CustomResourceDefinition of LLMGateway."""
    return _definition(LLMGateway, "llmgateways", "llmgw", GATEWAY_COLUMNS, {"status": {}, "scale": SCALE})


def credential_definition() -> dict[str, Any]:
    """The CustomResourceDefinition of LLMCredential."""
    return _definition(LLMCredential, "llmcredentials", "llmcred", CREDENTIAL_COLUMNS, {"status": {}})


def _definition(
    of: type[ApiModel], plural: str, short: str, columns: tuple[Column, ...], subresources: dict[str, Any]
) -> dict[str, Any]:
    kind = of.__name__
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [short],
                "categories": ["llm"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "additionalPrinterColumns": list(columns),
                    "subresources": subresources,
                    "schema": {"openAPIV3Schema": structural_schema(of)},
                }
            ],
        },
    }
