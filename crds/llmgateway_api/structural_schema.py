"""From the Python types to a structural OpenAPI v3 schema, as CustomResourceDefinitions want it.

What changes on the way from pydantic's JSON Schema: references are put in place, `null` goes (left out is left out),
defaults go (they are resolved in code, so that a user's object stays as it was written), descriptions come from the
strings below the fields, and the rules of `rules.py` become `x-kubernetes-validations`.
"""

from __future__ import annotations

import ast
import inspect
import itertools
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from llmgateway_api.api_model import ApiModel, wire_name
from llmgateway_api.rule import Rule
from llmgateway_api.rules import RULES

Schema = dict[str, Any]

_LEFT_OUT: Final = frozenset({"title", "default", "$defs", "propertyNames", "additionalProperties"})
_KEPT_DEFAULTS: Final[Mapping[tuple[str, str], object]] = {
    ("LLMGatewaySpec", "scaling"): {"replicas": 1},  # the scale subresource answers 500 without a number
    ("Scaling", "replicas"): 1,
    ("GatewayStatus", "observedGeneration"): -1,  # tools that wait must not take a fresh object for a ready one
    ("CredentialStatus", "observedGeneration"): -1,
}
_METADATA: Final = {"type": "object"}
_TYPE_META: Final = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}


def structural_schema(of: type[ApiModel]) -> Schema:
    """The `openAPIV3Schema` of a resource."""
    schema = of.model_json_schema()
    resolved = _resolve(schema, schema["$defs"], of.__name__)
    resolved["properties"] |= {"metadata": _METADATA, **_TYPE_META}
    return resolved


def types_of(of: type[ApiModel]) -> dict[str, type[ApiModel]]:
    """All API types that a resource is made of, by name, in the order in which a reader meets them."""
    found: dict[str, type[ApiModel]] = {}
    _collect(of, found)
    return found


def _collect(of: object, found: dict[str, type[ApiModel]]) -> None:
    if inspect.isclass(of) and issubclass(of, ApiModel) and of.__name__ not in found:
        found[of.__name__] = of
        for field in of.model_fields.values():
            _collect(field.annotation, found)
    for argument in getattr(of, "__args__", ()):
        _collect(argument, found)


@cache
def _model(name: str) -> type[ApiModel] | None:
    return next((each for each in _subclasses(ApiModel) if each.__name__ == name), None)


def _subclasses(of: type[ApiModel]) -> list[type[ApiModel]]:
    return [each for direct in of.__subclasses__() for each in (direct, *_subclasses(direct))]


@cache
def descriptions(of: type[ApiModel]) -> dict[str, str]:
    """The strings below the fields of a type, by wire name."""
    (definition,) = ast.parse(inspect.getsource(of)).body
    statements = definition.body if isinstance(definition, ast.ClassDef) else []
    found = {}
    for field, after in itertools.pairwise(statements):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(after, ast.Expr):
            text = ast.literal_eval(after.value)
            found[wire_name(field.target.id)] = " ".join(text.split())
    return found


def _resolve(schema: Schema, definitions: Mapping[str, Schema], name: str = "") -> Schema:
    if "$ref" in schema:
        target = schema["$ref"].rpartition("/")[2]
        return _METADATA if target == "ObjectMeta" else _resolve(definitions[target], definitions, target)
    if "anyOf" in schema:
        (only,) = (each for each in schema["anyOf"] if each != {"type": "null"})
        return _resolve(only, definitions)
    result: Schema = {key: value for key, value in schema.items() if key not in _LEFT_OUT}
    if "const" in result:
        result["enum"] = [result.pop("const")]
    if result.get("type") == "integer":
        result["format"] = "int64"
    if "items" in schema:
        result["items"] = _resolve(schema["items"], definitions)
    _resolve_map(schema, definitions, result)
    if "properties" in schema:
        result["properties"] = {
            field: _field(name, field, value, definitions) for field, value in schema["properties"].items()
        }
        result |= _validations(name)
    return result


def _resolve_map(schema: Schema, definitions: Mapping[str, Schema], result: Schema) -> None:
    values = schema.get("additionalProperties")
    if values is True:
        result["x-kubernetes-preserve-unknown-fields"] = True
    elif isinstance(values, dict):
        result["additionalProperties"] = _resolve(values, definitions)


def _field(owner: str, field: str, schema: Schema, definitions: Mapping[str, Schema]) -> Schema:
    resolved = dict(_resolve(schema, definitions))
    model = _model(owner)
    if model is not None and field in descriptions(model):
        resolved["description"] = descriptions(model)[field]
    if (owner, field) in _KEPT_DEFAULTS:
        resolved["default"] = _KEPT_DEFAULTS[owner, field]
    return resolved


def _validations(name: str) -> Schema:
    rules = [_validation(rule) for rule in RULES.get(name, ()) if rule.cel is not None]
    return {"x-kubernetes-validations": rules} if rules else {}


def _validation(rule: Rule) -> Schema:
    validation = {"rule": rule.cel, "message": rule.message}
    return validation | ({"fieldPath": f".{rule.path}"} if rule.path else {})
