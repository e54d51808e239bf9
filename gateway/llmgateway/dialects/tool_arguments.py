"""The JSON text of tool arguments: is it whole, and what does a freeform tool's hold?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmgateway.wire import json_codec

UNPARSED = "_raw"
"""Where a dialect needs an object: the key under which arguments that are none are kept, so that nobody takes them for
an empty call."""


def are_whole(arguments: str) -> bool:
    """True for any complete JSON document."""
    try:
        json_codec.decode(arguments)
    except json_codec.InvalidJSON:
        return False
    return True


def object_ends(fragments: Sequence[str]) -> bool:
    """True once the fragments are one complete JSON object: only white space may follow."""
    if not fragments or not fragments[-1].rstrip().endswith("}"):
        return False  # cheap, and false for nearly every fragment
    return are_whole("".join(fragments))


def as_object(arguments: str) -> dict[str, Any]:
    """The arguments as an object; none sent is {}, and anything that is no object stands under UNPARSED."""
    if not arguments.strip():
        return {}
    try:
        value = json_codec.decode(arguments)
    except json_codec.InvalidJSON:
        value = None
    return value if isinstance(value, dict) else {UNPARSED: arguments}


def freeform_input(arguments: str) -> str:
    """A custom tool's input out of `{"input": "..."}`; other whole arguments as they are, cut ones as ""."""
    found = as_object(arguments)
    if isinstance(text := found.get("input"), str):
        return text
    return arguments if are_whole(arguments) else ""
