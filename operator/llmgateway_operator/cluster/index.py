"""Which children exist, whose they are and whether they still hold what was applied: metadata only, in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from llmgateway_operator.cluster.kinds import Kind
from llmgateway_operator.cluster.port import Document
from llmgateway_operator.cluster.slim_metadata import own_fields
from llmgateway_operator.keys import Key


class ObjectId(NamedTuple):
    """An object by name."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Child:
    """What is known of an object that carries the operator's label; `fields`: see `slim_metadata.own_fields`. Two are
    equal when only their `version` differs."""

    uid: str
    owner: Key | None
    owner_uid: str
    fields: str
    leaving: bool
    version: str = field(default="", compare=False)


def child_of(metadata: Document) -> Child:
    """Reads the metadata of an object; only the controlling owner counts."""
    owner: Document = next((each for each in metadata.get("ownerReferences", ()) if each.get("controller")), {})
    key = Key(owner["kind"], metadata["namespace"], owner["name"]) if owner else None
    return Child(
        uid=metadata["uid"],
        owner=key,
        owner_uid=owner.get("uid", ""),
        fields=own_fields(metadata),
        version=metadata.get("resourceVersion", ""),
        leaving="deletionTimestamp" in metadata,
    )


class ChildIndex:
    """Filled by metadata watches and by the answers to the operator's own calls."""

    def __init__(self) -> None:
        self._children: dict[ObjectId, Child] = {}
        self._by_owner: defaultdict[str, set[ObjectId]] = defaultdict(set)

    def put(self, kind: Kind, metadata: Document) -> Child:
        """Takes over what is now true of one object."""
        identity = ObjectId(kind.kind, metadata["namespace"], metadata["name"])
        self._remove(identity)
        child = child_of(metadata)
        self._children[identity] = child
        self._by_owner[child.owner_uid].add(identity)
        return child

    def forget(self, kind: Kind, namespace: str, name: str) -> Child | None:
        """The object is gone; what was known of it."""
        return self._remove(ObjectId(kind.kind, namespace, name))

    def reset(self, kind: Kind, namespace: str | None, items: Iterable[Document]) -> None:
        """Replaces all of one kind by a fresh list: objects deleted unseen leave no ghost."""
        for identity in [each for each in self._children if _within(each, kind, namespace)]:
            self._remove(identity)
        for metadata in items:
            self.put(kind, metadata)

    def find(self, identity: ObjectId) -> Child | None:
        return self._children.get(identity)

    def of_owner(self, uid: str) -> Iterator[tuple[ObjectId, Child]]:
        """All children that the object with this uid controls."""
        for identity in sorted(self._by_owner.get(uid, ())):
            yield identity, self._children[identity]

    def __len__(self) -> int:
        return len(self._children)

    def _remove(self, identity: ObjectId) -> Child | None:
        child = self._children.pop(identity, None)
        if child is not None:
            owned = self._by_owner[child.owner_uid]
            owned.discard(identity)
            if not owned:
                del self._by_owner[child.owner_uid]
        return child


def _within(identity: ObjectId, kind: Kind, namespace: str | None) -> bool:
    return identity.kind == kind.kind and namespace in (None, identity.namespace)
