"""The fields of the API types as paths, and which of them a served schema lacks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel

from llmgateway_api import LLMCredential, LLMGateway


@cache
def known_fields() -> Mapping[str, tuple[tuple[str, ...], ...]]:
    """Paths below `spec` by kind, as tuples of wire names."""
    return {
        each.__name__: tuple(_paths(each.model_fields["spec"].annotation, ("spec",)))
        for each in (LLMGateway, LLMCredential)
    }


def _paths(annotation: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for model in _models(annotation):
        for field in model.model_fields.values():
            here = (*path, field.alias or "")
            yield here
            yield from _paths(field.annotation, here)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def missing_fields(schemas: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    """`LLMGateway.spec.cors` for each field that a served schema does not have; below a missing one nothing is said."""
    for kind, schema in schemas:
        missing: list[tuple[str, ...]] = []
        for path in known_fields()[kind]:
            if any(path[: len(each)] == each for each in missing) or _has(schema, path):
                continue
            missing.append(path)
            yield ".".join((kind, *path))


def _has(schema: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    for step in path:
        while schema.get("type") == "array":
            schema = schema.get("items", {})
        if step not in schema.get("properties", {}):
            return bool(schema.get("x-kubernetes-preserve-unknown-fields"))
        schema = schema["properties"][step]
    return True
