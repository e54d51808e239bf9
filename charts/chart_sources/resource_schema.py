"""values.schema.json of the chart `llmgateway`: the CRDs' own schemas, so that a wrong spec fails before Git has it."""

from __future__ import annotations

import json
from typing import Any, Final

from llmgateway_api.custom_resource_definitions import credential_definition, gateway_definition

Schema = dict[str, Any]

_KEPT: Final = (
    "type", "description", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems",
    "minProperties", "maxProperties", "required",
)  # fmt: skip
_PATTERNS: Final = {"date-time": r"^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$"}
"""Formats that the API server enforces; validators of JSON Schema need not."""
_STRINGS: Final[Schema] = {"type": "object", "additionalProperties": {"type": "string"}}
_NAME: Final = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"


def resource_schema_text() -> str:
    """JSON Schema (draft 7) of the chart's values."""
    schema: Schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "description": "Generated from crds/llmgateway_api by `make generate`; edits are lost.",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "global": {"type": "object", "description": "Given by Helm to a chart that another one depends on."},
            "gateways": _resources(gateway_definition()),
            "credentials": _resources(credential_definition()),
            "commonLabels": _STRINGS,
            "commonAnnotations": _STRINGS,
        },
    }
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _resources(definition: Schema) -> Schema:
    spec = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    resource: Schema = {
        "type": "object",
        "required": ["spec"],
        "additionalProperties": False,
        "properties": {"labels": _STRINGS, "annotations": _STRINGS, "spec": strict(spec)},
    }
    return {"type": "object", "patternProperties": {_NAME: resource}, "additionalProperties": False}


def strict(structural: Schema) -> Schema:
    """A structural schema as JSON Schema: unknown fields are refused, CEL rules are left to the server."""
    schema: Schema = {key: structural[key] for key in _KEPT if key in structural}
    if pattern := _PATTERNS.get(structural.get("format", "")):
        schema["pattern"] = pattern
    if structural.get("x-kubernetes-int-or-string"):
        schema["type"] = ["integer", "string"]
    if "properties" in structural:
        schema["properties"] = {name: strict(each) for name, each in structural["properties"].items()}
        schema["additionalProperties"] = bool(structural.get("x-kubernetes-preserve-unknown-fields"))
    elif isinstance(structural.get("additionalProperties"), dict):
        schema["additionalProperties"] = strict(structural["additionalProperties"])
    if "items" in structural:
        schema["items"] = strict(structural["items"])
    if "anyOf" in structural and not structural.get("x-kubernetes-int-or-string"):
        schema["anyOf"] = [strict(each) for each in structural["anyOf"]]
    return schema
