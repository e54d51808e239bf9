"""docs/api-reference.md: every field with its type, default and meaning, every rule, from the Python types."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from llmgateway_api.api_model import ApiModel
from llmgateway_api.credential import LLMCredential
from llmgateway_api.gateway import LLMGateway
from llmgateway_api.metadata import API_VERSION, PAUSED, REFRESH_AT, RESTART_AT, ObjectMeta
from llmgateway_api.rules import RULES
from llmgateway_api.structural_schema import Schema, descriptions, types_of

_INTRODUCTION: Final = f"""<!-- Generated from crds/llmgateway_api by `make generate`; edits are lost. -->
# API reference

`apiVersion: {API_VERSION}`. What is left out has the default stated here; defaults are resolved by the programs and
never written into your objects. Unknown fields are refused. References stay in the namespace of the object.

Durations are written as `250ms`, `10s`, `5m`, `168h`; quantities as `512Mi`, `2Gi` or a number of bytes.

| annotation | on | what it does |
|---|---|---|
| `{RESTART_AT}` | LLMGateway | a new value rolls the pods once |
| `{PAUSED}` | LLMGateway | `true` keeps the operator's hands off |
| `{REFRESH_AT}` | LLMCredential | a new value asks for one rotation |
"""


def api_reference() -> str:
    """The whole document."""
    types: dict[str, type[ApiModel]] = {**types_of(LLMGateway), **types_of(LLMCredential)}
    schemas = {**LLMGateway.model_json_schema()["$defs"], **LLMCredential.model_json_schema()["$defs"]}
    for resource in (LLMGateway, LLMCredential):
        schemas[resource.__name__] = resource.model_json_schema()
    sections = (_section(of, schemas[name]) for name, of in types.items() if of is not ObjectMeta)
    return "\n".join((_INTRODUCTION, *sections))


def _section(of: type[ApiModel], schema: Schema) -> str:
    lines = [f"## {of.__name__}", inspect.cleandoc(of.__doc__ or ""), ""]
    lines += ["| field | type | default | meaning |", "|---|---|---|---|"]
    lines += _rows(of, schema)
    if rules := RULES.get(of.__name__, ()):
        lines += ["", "Rules:"]
        lines += [f"- {f'`{rule.path}`: ' if rule.path else ''}{_escaped(rule.message)}" for rule in rules]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("<", "&lt;").replace(">", "&gt;").replace("*", "\\*")


def _rows(of: type[ApiModel], schema: Schema) -> Iterator[str]:
    texts, required = descriptions(of), schema.get("required", ())
    for field, value in schema["properties"].items():
        text = texts.get(field, "").replace("\n", " ").replace("|", "\\|")
        yield f"| `{field}` | {_type(value)} | {_default(field, value, required)} | {text} |"


def _default(field: str, schema: Mapping[str, Any], required: Any) -> str:
    if field in required:
        return "required"
    default = schema.get("default")
    if default is None or isinstance(default, dict) or default in ("", []):
        return ""
    return f"`{json.dumps(default).strip(chr(34))}`"


def _type(schema: Schema) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return "ObjectMeta" if name == "ObjectMeta" else f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return _type(next(each for each in schema["anyOf"] if each != {"type": "null"}))
    if "enum" in schema:
        return ", ".join(f"`{word}`" for word in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}{_bounds(schema, 'Items')}"
    if schema.get("type") == "object":
        values = schema.get("additionalProperties")
        return f"map of {_type(values)}" if isinstance(values, dict) else "object"
    return _scalar(schema)


def _scalar(schema: Schema) -> str:
    if schema.get("x-kubernetes-int-or-string"):
        return "number or share" if "%" in schema["pattern"] else "quantity"
    if "format" in schema:
        return {"duration": "duration", "date-time": "time"}[schema["format"]]
    name = {"string": "string", "integer": "integer", "number": "number", "boolean": "boolean"}[schema["type"]]
    return name + (_range(schema) if name in ("integer", "number") else _bounds(schema, "Length"))


def _range(schema: Schema) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is None and most is None:
        return ""
    return f" ({least} to {most})" if most not in (None, 2147483647) else f" (from {least})"


def _bounds(schema: Schema, what: str) -> str:
    most = schema.get(f"max{what}")
    return f" (at most {most})" if most else ""
