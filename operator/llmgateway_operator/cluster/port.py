"""What the operator asks of an API server: the seam that tests may replace.

Contract of every method: documents are plain dictionaries as the API serves them; a missing object is None, never an
error; every failure is a `ClusterError`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, Literal, NamedTuple, Protocol

from llmgateway_operator.cluster.kinds import Kind

FIELD_MANAGER: Final = "llmgateway-operator"
"""Field manager of everything that the operator applies."""

Document = dict[str, Any]
Manifest = Mapping[str, Any]


class Change(NamedTuple):
    """One event of a metadata watch. BOOKMARK carries only a resource version."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    metadata: Document


class Listing(NamedTuple):
    """The metadata of all objects of a kind, and the resource version at which a watch goes on."""

    items: list[Document]
    resource_version: str


class Cluster(Protocol):
    """One API server."""

    async def get(self, kind: Kind, namespace: str, name: str) -> Document | None:
        """The object, read live."""

    async def apply(self, manifest: Manifest, *, manager: str = FIELD_MANAGER) -> Document:
        """Server-side apply with force; the object as it is now."""

    async def apply_status(self, manifest: Manifest) -> Document:
        """Server-side apply of the status subresource. Raises Rejected when the object is gone."""

    async def create(self, manifest: Manifest) -> Document:
        """Raises Conflict when it exists."""

    async def replace(self, manifest: Manifest) -> Document:
        """Compare-and-swap by `metadata.resourceVersion`. Raises Conflict when somebody was faster."""

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Deletes that very object, dependents in the background. A missing one, or another uid, is fine."""

    async def some(self, kind: Kind, namespace: str, selector: str) -> list[Document]:
        """A few objects as they are now, read live: where one of them is enough to tell what is wrong."""

    async def list_metadata(self, kind: Kind, namespace: str | None, selector: str, name: str = "") -> Listing:
        """Metadata only: no data of a Secret travels. `namespace` None means all, `name` only that object."""

    def watch_metadata(
        self, kind: Kind, namespace: str | None, selector: str, resource_version: str, seconds: float
    ) -> AsyncIterator[Change]:
        """Changes since then, for at most so many seconds. Raises Gone when the version is too old."""

    async def served_kinds(self, api_version: str) -> frozenset[str] | None:
        """Names of the kinds served under `group/version`; None when the version is not served at all."""

    async def schema(self, api_version: str) -> Document | None:
        """The OpenAPI v3 document of a group version, as everybody may read it."""
