"""JSON that a strict parser refuses although its meaning is plain: bytes that are no UTF-8, lone surrogate escapes.

Servers send both when they cut a text inside a character. What can't be read becomes U+FFFD, as in WHATWG Encoding.
"""

from __future__ import annotations

import re

import msgspec

UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeError)
"""All that msgspec raises for bytes that are no JSON, or JSON of another shape."""

_ESCAPES = re.compile(
    rb"(\\[^u]|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"  # other escapes, and whole pairs: kept
    rb"|\\u[dD][89a-fA-F][0-9a-fA-F]{2}"
)


def mended(payload: bytes) -> bytes:
    """The same document with U+FFFD for every broken character."""
    text = payload.decode("utf-8", "replace").encode()
    return _ESCAPES.sub(lambda found: found[1] or b"\\ufffd", text)
