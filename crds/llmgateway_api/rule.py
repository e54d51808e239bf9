"""What a cross-field rule is; the rows are in `rules_of_*.py`, the table in `rules.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Rule:
    """One sentence about the fields of one type.

    `of` is the name of the type whose fields it compares, `path` the field at fault relative to that type (empty: the
    object itself). `cel` sees the document as written, without the defaults of the Python types; None where the
    schema itself says it (`x-kubernetes-list-type`). `places` gives the relative paths that break the rule.
    """

    of: str
    name: str
    path: str
    message: str
    cel: str | None
    places: Callable[[Any], Iterable[str]]


def rule(of: str, name: str, path: str, message: str, cel: str | None, holds: Callable[[Any], bool]) -> Rule:
    """A rule about one place."""
    return Rule(of, name, path, message, cel, lambda value: () if holds(value) else (path,))


def unique_names(of: str, path: str) -> Rule:
    """The rule that the schema says with `x-kubernetes-list-type: map`, beginning with the API server's own words."""
    return _unique(of, path, lambda entry: str(entry.name), "Duplicate value: another entry has the same name")


def unique_values(of: str, path: str) -> Rule:
    """The rule that the schema says with `x-kubernetes-list-type: set`, beginning with the API server's own words."""
    return _unique(of, path, str, "Duplicate value: it stands here twice")


def _unique(of: str, path: str, key: Callable[[Any], str], message: str) -> Rule:
    attribute = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in path)

    def repeated(value: Any) -> list[str]:
        keys = [key(entry) for entry in getattr(value, attribute)]
        return [f"{path}[{index}]" for index, each in enumerate(keys) if each in keys[:index]]

    return Rule(of, f"unique-{path}", path, message, None, repeated)
