"""Tool and output schemas, rewritten for the upstreams that refuse some of JSON Schema, and for those only.

A schema that needs no change is handed on as the same object, key order included.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_COMBINATORS = ("anyOf", "oneOf", "allOf")
_REFUSED_AT_TOP = (*_COMBINATORS, "enum", "not")
FREEFORM: dict[str, Any] = {"type": "string", "description": "The whole input of the tool, as plain text."}


def object_schema(schema: Any) -> tuple[dict[str, Any], bool]:
    """(schema, changed its meaning): a top level that is a plain object, which OpenAI and Anthropic ask for.

    Alternatives at the top level are merged: every property, and what all alternatives require.
    """
    if not isinstance(schema, dict):
        return {"type": "object", "properties": {}}, schema is not None
    combined = any(name in schema for name in _REFUSED_AT_TOP)
    if schema.get("type") == "object" and isinstance(schema.get("properties"), Mapping) and not combined:
        return schema, False
    if not combined:
        properties = schema.get("properties")
        plain = {**schema, "type": "object", "properties": properties if isinstance(properties, Mapping) else {}}
        return plain, schema.get("type", "object") != "object"
    return _merged(schema), True


def _merged(schema: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in schema.items() if name not in _REFUSED_AT_TOP}
    own = schema.get("properties")
    properties: dict[str, Any] = dict(own) if isinstance(own, Mapping) else {}
    required = _names(schema.get("required"))
    for combinator in _COMBINATORS:
        found = schema.get(combinator)
        variants = [variant for variant in found if isinstance(variant, Mapping)] if isinstance(found, list) else []
        for variant in variants:
            more = variant.get("properties")
            if isinstance(more, Mapping):
                properties |= {name: value for name, value in more.items() if name not in properties}
        demands = [_names(variant.get("required")) for variant in variants]
        if combinator == "allOf":
            required |= {name: None for demand in demands for name in demand}
        elif demands:
            required |= {name: None for name in demands[0] if all(name in demand for demand in demands)}
    return {**kept, "type": "object", "properties": properties, **({"required": list(required)} if required else {})}


def _names(value: Any) -> dict[str, None]:
    return {name: None for name in value if isinstance(name, str)} if isinstance(value, list) else {}


def closed(schema: Any) -> Any:
    """The schema with `additionalProperties: false` in every object, as Anthropic's structured output asks for."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: _closed_under(name, value) for name, value in schema.items()}
    kind = schema.get("type")
    if kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in schema:
        made["additionalProperties"] = False
    return made


def _closed_under(name: str, value: Any) -> Any:
    if name in ("properties", "$defs", "definitions", "patternProperties") and isinstance(value, Mapping):
        return {key: closed(item) for key, item in value.items()}
    return closed(value) if name in ("items", "prefixItems", *_COMBINATORS, "not") else value


def is_closed(schema: Any, *, all_required: bool) -> bool:
    """True when a strict mode takes the schema: every object is closed (and, for OpenAI, requires all it has)."""
    if isinstance(schema, list):
        return all(is_closed(item, all_required=all_required) for item in schema)
    if not isinstance(schema, dict):
        return True
    properties = schema.get("properties")
    if schema.get("type") == "object" or properties is not None:
        if schema.get("additionalProperties") is not False:
            return False
        required = _names(schema.get("required"))
        if all_required and isinstance(properties, Mapping) and any(name not in required for name in properties):
            return False
    parts = [schema.get(name) for name in ("items", "prefixItems", *_COMBINATORS)]
    for name in ("properties", "$defs", "definitions"):
        if isinstance(group := schema.get(name), Mapping):
            parts.extend(group.values())
    return all(is_closed(part, all_required=all_required) for part in parts)


def freeform_schema() -> dict[str, Any]:
    """The schema of a function that stands for a tool with freeform input."""
    return {"type": "object", "properties": {"input": FREEFORM}, "required": ["input"], "additionalProperties": False}


def with_grammar(description: Any, tool_format: Any) -> str:
    """A freeform tool's description, with the grammar that its input must match."""
    text = description if isinstance(description, str) else ""
    if not isinstance(tool_format, Mapping):
        return text
    grammar = tool_format.get("grammar")
    found = grammar if isinstance(grammar, Mapping) else tool_format
    definition = found.get("definition")
    if not isinstance(definition, str):
        return text
    rule = f"The input must match this {found.get('syntax', 'lark')} grammar:\n{definition}"
    return f"{text}\n\n{rule}" if text else rule
