"""The base of all API types: immutable, strict, wire names in camelCase, rules checked on construction."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator
from pydantic_core import PydanticCustomError

from llmgateway_api.rules import violations

Item = TypeVar("Item")
Many = Annotated[tuple[Item, ...], Strict(False)]
"""A list of a document; in Python an immutable tuple."""

BY_NAME: Final = Field(json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]})
"""Entries are told apart by their name when documents are merged."""
AS_SET: Final = Field(json_schema_extra={"x-kubernetes-list-type": "set"})
"""Entries are told apart by their value when documents are merged."""

BROKEN_RULES: Final = "broken_rules"
"""The type of the pydantic error that carries Violations in its context."""

_INITIALISMS: Final = {"url": "URL", "id": "ID", "cpu": "CPU", "cidrs": "CIDRs"}


def wire_name(attribute: str) -> str:
    """`max_body_bytes` as documents call it: `maxBodyBytes`; `token_url`: `tokenURL`."""
    first, *rest = attribute.split("_")
    return first + "".join(_INITIALISMS.get(word, word.capitalize()) for word in rest)


class ApiModel(BaseModel):
    """Raises pydantic.ValidationError on unknown fields, wrong types and broken rules; input is never echoed.

    A string below a field is its description in the CRD and the API reference. Only the generator reads it: pydantic's
    `use_attribute_docstrings` would parse the sources at every start of the gateway.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        alias_generator=wire_name,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        hide_input_in_errors=True,
    )

    @model_validator(mode="after")
    def _keep_the_rules(self) -> Self:
        if broken := violations(self):
            raise PydanticCustomError(
                BROKEN_RULES,
                "{sentences}",
                {"sentences": "; ".join(each.message for each in broken), "violations": broken},
            )
        return self

    @classmethod
    def parse(cls, document: Mapping[str, Any]) -> Self:
        """The typed form of a document with wire names, as read from YAML or the API server.

        Raises pydantic.ValidationError with every error at once; `documents.py` puts it into plain sentences.
        TypeError or ValueError where the document holds what JSON does not have.
        """
        return cls.model_validate_json(json.dumps(document, allow_nan=False), by_alias=True, by_name=False)

    def as_document(self, *, resolved: bool = False) -> dict[str, Any]:
        """The document with wire names: as it was written, or with all defaults when `resolved`."""
        return self.model_dump(mode="json", exclude_none=True, exclude_unset=not resolved)
