"""Names, labels and owner references of what belongs to one LLMCredential."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from llmgateway_api import API_VERSION
from llmgateway_operator.cluster.kinds import SECRET, Kind
from llmgateway_operator.desired.naming import MANAGED_BY, MANAGED_BY_LABEL, Manifest

CREDENTIAL_LABEL: Final = "llmgateway.dev/credential"
"""On a Secret with tokens: the LLMCredential that it belongs to, also after that is gone."""
SOURCE_LABEL: Final = "llmgateway.dev/source"
"""On a Secret with tokens: a hash of the name of the bootstrap Secret that they came from."""
TRIGGER_LABEL: Final = "llmgateway.dev/trigger"
"""On a Job made on demand: what it was made for."""


@dataclass(frozen=True)
class CredentialOwner:
    """The LLMCredential that all children belong to."""

    namespace: str
    name: str
    uid: str

    @property
    def refresh(self) -> str:
        """Name of CronJob, ServiceAccount, Role, RoleBinding, Lease and NetworkPolicy."""
        return f"{self.name}-refresh"

    @property
    def recovery(self) -> str:
        """The Secret with the second copy of the tokens."""
        return f"{self.name}-recovery"

    @property
    def selector(self) -> dict[str, str]:
        """Labels of the refresh program's Jobs and pods."""
        return {
            "app.kubernetes.io/name": "llmgateway",
            "app.kubernetes.io/instance": self.name,
            "app.kubernetes.io/component": "credential-refresh",
        }

    @property
    def labels(self) -> dict[str, str]:
        """Labels of every child."""
        return {**self.selector, "app.kubernetes.io/part-of": "llmgateway", MANAGED_BY_LABEL: MANAGED_BY}

    def child(self, kind: Kind, name: str, **body: Any) -> Manifest:
        """A manifest that garbage collection takes away with the LLMCredential."""
        manifest = self._bare(kind, name, self.labels, body)
        manifest["metadata"]["ownerReferences"] = [self.reference]
        return manifest

    def token_secret(self, name: str, **labels: str) -> Manifest:
        """A Secret that outlives the LLMCredential: it holds what nobody can get again. Its data are not stated."""
        return self._bare(SECRET, name, {**self.labels, CREDENTIAL_LABEL: self.name, **labels}, {"type": "Opaque"})

    @property
    def reference(self) -> dict[str, Any]:
        """The owner reference; `blockOwnerDeletion` would need the right to update finalizers of the owner."""
        return {
            "apiVersion": API_VERSION,
            "kind": "LLMCredential",
            "name": self.name,
            "uid": self.uid,
            "controller": True,
            "blockOwnerDeletion": False,
        }

    def _bare(self, kind: Kind, name: str, labels: dict[str, str], body: dict[str, Any]) -> Manifest:
        metadata = {"name": name, "namespace": self.namespace, "labels": labels}
        return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **body}
