"""What a client's JSON must look like to be translated; anything else is refused with the path of the field."""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps
from typing import Any, NoReturn

from llmgateway.failures import Failure, TurnRefused
from llmgateway.translate.translated import Target, Translated, Translator


def refuse(path: str, message: str) -> NoReturn:
    """Raises TurnRefused (invalid_request) that names the field."""
    raise TurnRefused(Failure(kind="invalid_request", message=f"{path}: {message}", param=path))


def object_at(value: Any, path: str) -> dict[str, Any]:
    """The value as a JSON object."""
    if isinstance(value, dict):  # what the decoder makes; an ABC's check costs several times more
        return value
    refuse(path, "must be an object")


def list_at(value: Any, path: str) -> list[Any]:
    """The value as a JSON array."""
    if isinstance(value, list):
        return value
    refuse(path, "must be an array")


def text_at(value: Any, path: str) -> str:
    """The value as a string; null is the empty one."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    refuse(path, "must be a string")


def name_at(value: Any, path: str) -> str:
    """The value as a string that isn't empty."""
    if isinstance(value, str) and value:
        return value
    refuse(path, "must be a string that is not empty")


def kind_of(value: Mapping[str, Any]) -> str:
    """The `type` of a block, part, item or tool; "" where it has none."""
    kind = value.get("type")
    return kind if isinstance(kind, str) else ""


def refusing_deep_nesting(translate: Translator, held: str) -> Translator:
    """The same translator, which refuses what nests deeper than Python can follow; `held` is the field to blame."""

    @wraps(translate)
    def guarded(request: Mapping[str, Any], target: Target) -> Translated:
        try:
            return translate(request, target)
        except RecursionError:
            refuse(held, "the document is nested too deeply")

    return guarded
