"""Names, labels and owner references that all children share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from llmgateway_api import API_VERSION
from llmgateway_operator.cluster.kinds import Kind

Manifest = dict[str, Any]
Component = Literal["gateway", "store"]

MANAGED_BY: Final = "llmgateway-operator"
MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
SELECTOR: Final = f"{MANAGED_BY_LABEL}={MANAGED_BY}"
"""Label selector of everything that the operator made."""

_PROGRAMS: Final[Mapping[Component, str]] = {"gateway": "llmgateway", "store": "valkey"}
PORT: Final = 8080
STORE_PORT: Final = 6379


@dataclass(frozen=True)
class Owner:
    """The LLMGateway that all children belong to."""

    namespace: str
    name: str
    uid: str

    @property
    def gateway(self) -> str:
        """Name of the gateway's children."""
        return f"{self.name}-gateway"

    @property
    def store(self) -> str:
        """Name of the managed store's children."""
        return f"{self.name}-valkey"

    def selector(self, component: Component) -> dict[str, str]:
        """Labels that pick the pods of a component; immutable in a Deployment, so never extend them."""
        return {
            "app.kubernetes.io/name": _PROGRAMS[component],
            "app.kubernetes.io/instance": self.name,
            "app.kubernetes.io/component": component,
        }

    def labels(self, component: Component) -> dict[str, str]:
        """Labels of every child of a component."""
        return {
            **self.selector(component),
            "app.kubernetes.io/part-of": "llmgateway",
            MANAGED_BY_LABEL: MANAGED_BY,
        }

    def child(self, kind: Kind, name: str, component: Component, **body: Any) -> Manifest:
        """A manifest with name, labels and the owner reference that garbage collection follows."""
        return {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "labels": self.labels(component),
                "ownerReferences": [self._reference()],
            },
            **body,
        }

    def _reference(self) -> dict[str, Any]:
        return {
            "apiVersion": API_VERSION,
            "kind": "LLMGateway",
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": False,  # true needs the right to update finalizers of the owner
        }


def pod_selector_text(owner: Owner) -> str:
    """The gateway's pods as the scale subresource wants them."""
    return selector_text(owner.selector("gateway"))


def selector_text(labels: Mapping[str, str]) -> str:
    """Labels as a label selector, the same text for the same labels."""
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
