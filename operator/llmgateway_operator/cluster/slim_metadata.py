"""Metadata as the operator keeps it: of the managed fields, which are most of it, only a fingerprint of its own.

Thousands of objects are listed when an operator starts; with all their managed fields they would need several times
the memory that everything else needs.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

from llmgateway_operator.cluster.port import FIELD_MANAGER, Document

OWN_FIELDS: Final = "ownFields"
"""In place of `managedFields`."""


def slim(metadata: Document) -> Document:
    """The same metadata without `managedFields`, with OWN_FIELDS."""
    kept = {name: value for name, value in metadata.items() if name != "managedFields"}
    kept[OWN_FIELDS] = own_fields(metadata)
    return kept


def own_fields(metadata: Document) -> str:
    """A fingerprint of the fields that the operator owns. Whoever changes the value of one of them takes its
    ownership away, so an unchanged fingerprint means unchanged values."""
    if OWN_FIELDS in metadata:
        return str(metadata[OWN_FIELDS])
    owned = [
        each.get("fieldsV1")
        for each in metadata.get("managedFields", ())
        if each.get("manager") == FIELD_MANAGER and each.get("operation") == "Apply" and not each.get("subresource")
    ]
    return hashlib.sha256(json.dumps(owned, sort_keys=True).encode()).hexdigest()[:16]
