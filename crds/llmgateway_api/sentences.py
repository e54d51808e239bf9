"""pydantic's errors as sentences for users: what is wrong and what would be right, never a value that may be secret.

Only what stands for a word of a closed list, a number, a duration or a quantity is quoted back, and only while it is
short; whatever else a document holds might be a key that was pasted into the wrong place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from llmgateway_api.api_model import BROKEN_RULES
from llmgateway_api.scalars import SENTENCES

_TYPES: Final = {
    "string_type": "a string",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "an object with fields",
    "model_type": "an object with fields",
    "model_attributes_type": "an object with fields",
    "dataclass_type": "an object with fields",
}
_KINDS: Final[tuple[tuple[type, str], ...]] = (
    (bool, "true or false"),
    (int, "a number"),
    (float, "a number"),
    (str, "a string"),
    (list, "a list"),
    (dict, "an object"),
)
_COMPARISONS: Final = {
    "greater_than_equal": ("at least", "ge"),
    "less_than_equal": ("at most", "le"),
    "greater_than": ("greater than", "gt"),
    "less_than": ("less than", "lt"),
}
_QUOTED_AT_MOST: Final = 24

Found = tuple[str, str]
"""A field path and a sentence about it."""


def sentences(error: ValidationError, beneath: str = "") -> Iterator[Found]:
    """Every error with its path (`spec.backends[0].type`), one pair per place."""
    details = error.errors(include_url=False)
    for detail in details:
        path = field_path(detail["loc"], beneath)
        if detail["type"] == "too_short" and _has_wrong_entries(detail, details):
            continue
        if detail["type"] == BROKEN_RULES:
            for broken in detail["ctx"]["violations"]:
                yield join(path, broken.path), broken.message
        else:
            yield path, _sentence(detail)


def _has_wrong_entries(short: ErrorDetails, details: Iterable[ErrorDetails]) -> bool:
    """pydantic counts only the right entries of a list: one wrong entry is no reason to call the list empty."""
    place = short["loc"]
    return any(other["loc"][: len(place)] == place and len(other["loc"]) > len(place) for other in details)


def field_path(location: Iterable[str | int], beneath: str = "") -> str:
    """`("backends", 0, "type")` beneath `spec` as `spec.backends[0].type`."""
    path = beneath
    for step in location:
        if step != "[key]":
            path = f"{path}[{step}]" if isinstance(step, int) else join(path, step)
    return path


def join(path: str, rest: str) -> str:
    return f"{path}.{rest}" if path and rest else path or rest


def _sentence(detail: ErrorDetails) -> str:
    kind, context, given = detail["type"], detail.get("ctx", {}), detail.get("input")
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return "unknown field"
    if kind in _TYPES:
        return f"must be {_TYPES[kind]}; got {_kind(given)}"
    if kind == "literal_error":
        return f"must be {_one_of(context['expected'])}; got {_quoted(given)}"
    if kind in _COMPARISONS:
        words, bound = _COMPARISONS[kind]
        return f"must be {words} {context[bound]:g}; got {_quoted(given)}"
    if kind == "string_pattern_mismatch":
        return SENTENCES.get(context["pattern"], f"must match {context['pattern']}")
    if kind in ("string_too_short", "string_too_long"):
        return _length(kind, context, "characters")
    if kind in ("too_short", "too_long"):
        return _length(kind, context, "entries")
    return f"{detail['msg']}{_repeated(kind, given)}"


def _one_of(expected: str) -> str:
    words = expected.replace("'", "").replace(" or ", ", ")
    return f"one of {words}" if ", " in words else words


def _quoted(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= _QUOTED_AT_MOST else "a longer text"
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else _kind(value)


def _repeated(kind: str, value: object) -> str:
    is_amount = kind in ("duration_text", "quantity_text", "maxmemory_text", "pods")
    return f"; got {_quoted(value)}" if is_amount else ""


def _kind(value: object) -> str:
    return next((words for kind, words in _KINDS if isinstance(value, kind)), "nothing")


def _length(kind: str, context: Mapping[str, Any], what: str) -> str:
    if kind.endswith("too_short"):
        least = context["min_length"]
        return "must not be empty" if least == 1 else f"must have at least {least} {what}"
    return f"must have at most {context['max_length']} {what}"
