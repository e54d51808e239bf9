"""The table of values in a chart's README, from the comments of its values.yaml.

A comment that begins with `# -- ` documents the key below it; every key without one must have keys below it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final, NamedTuple

import yaml

_MARK: Final = "# -- "


class Value(NamedTuple):
    """One documented key."""

    path: str
    default: object
    meaning: str


class Undocumented(ValueError):
    """A key without a comment; the message names it."""


def values_table(text: str) -> str:
    """Markdown. Raises Undocumented."""
    lines = ["| value | default | what it does |", "|---|---|---|"]
    for each in documented_values(text):
        default = json.dumps(each.default, ensure_ascii=False).replace("|", "\\|")
        lines.append(f"| `{each.path}` | `{default}` | {each.meaning} |")
    return "\n".join(lines) + "\n"


def documented_values(text: str) -> Iterator[Value]:
    """In the order of the file. Raises Undocumented."""
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if isinstance(root, yaml.MappingNode):
        yield from _values(root, text.splitlines(), "")


def _values(node: yaml.MappingNode, lines: list[str], prefix: str) -> Iterator[Value]:
    for key, value in node.value:
        path = f"{prefix}{key.value}"
        meaning = _comment_above(lines, key.start_mark.line)
        if meaning:
            yield Value(path, yaml.safe_load(yaml.serialize(value)), meaning)
        elif isinstance(value, yaml.MappingNode) and value.value:
            yield from _values(value, lines, f"{path}.")
        else:
            raise Undocumented(f"values.yaml: {path} has no comment that begins with `{_MARK}`")


def _comment_above(lines: list[str], line: int) -> str:
    comments: list[str] = []
    while line > 0 and lines[line - 1].lstrip().startswith("#"):
        line -= 1
        comments.insert(0, lines[line].strip())
    if not comments or not comments[0].startswith(_MARK):
        return ""
    return " ".join(each.removeprefix(_MARK).removeprefix("# ") for each in comments)
