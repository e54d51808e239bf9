"""The input of a custom (freeform) tool, unwrapped from the JSON arguments of the function that stands for it upstream.

`{"input": "..."}` is unescaped while it arrives. Arguments of any other shape are kept until the call ends: then a
string at `input` counts wherever it stands, and failing that the arguments themselves are the input.
"""

from __future__ import annotations

import re

from llmgateway.wire import json_codec

_OPENING = re.compile(r'\s*\{\s*"input"\s*:\s*"')
_LONGEST_OPENING = 64  # characters, white space included

_COMPLETE = re.compile(
    r"""(?:
        [^"\\]++
      | \\[^u]
      | \\u(?![dD][89abAB])[0-9a-fA-F]{4}  # one UTF-16 unit that stands alone
      | \\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}  # a surrogate pair
      | \\u[dD][89abAB][0-9a-fA-F]{2}(?=[^\\]|\\[^u]|\\u(?![dD][c-fC-F])[\s\S]{2})    # its first half, and no second
      | \\u(?=[0-9a-fA-F]{0,3}[^0-9a-fA-F])  # no escape at all
    )*""",
    re.VERBOSE,
)
"""The characters at the front of a JSON string that nothing after them can change; more lenient than RFC 8259."""

_ESCAPE = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL)
_CONTROL = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class InputUnwrapper:
    """Fragments of the arguments -> pieces of the input. Any split of the same arguments gives the same input."""

    def __init__(self) -> None:
        self.is_whole = False
        """The end of the input was seen."""
        self._is_inside = False
        self._waiting = ""
        self._other_shape: list[str] = []

    def feed(self, fragment: str) -> str:
        """The input that this fragment completes, "" for none yet."""
        if self.is_whole:
            return ""
        if self._other_shape:
            self._other_shape.append(fragment)
            return ""
        self._waiting += fragment
        return self._unescaped() if self._is_inside or self._opens() else ""

    def end(self) -> str:
        """The call is over: the input that is still due."""
        kept = "".join(self._other_shape) or self._waiting
        if self._is_inside or not kept:
            return ""
        found = _input_of(kept)
        self.is_whole = found is not None
        return kept if found is None else found

    def _opens(self) -> bool:
        opening = _OPENING.match(self._waiting[:_LONGEST_OPENING])
        if opening:
            self._is_inside = True
            self._waiting = self._waiting[opening.end() :]
        elif len(self._waiting) >= _LONGEST_OPENING:
            self._other_shape, self._waiting = [self._waiting], ""
        return self._is_inside

    def _unescaped(self) -> str:
        complete = _COMPLETE.match(self._waiting)
        ready = complete.group() if complete else ""
        self._waiting = self._waiting[len(ready) :]
        self.is_whole = self._waiting.startswith('"')
        return _ESCAPE.sub(_unescape, ready)


def _unescape(escape: re.Match[str]) -> str:
    text = escape.group()
    if text[1] != "u" or len(text) == 2:
        return _CONTROL.get(text[1], text[1])
    return bytes.fromhex(text.replace("\\u", "")).decode("utf-16-be", "replace")


def _input_of(arguments: str) -> str | None:
    try:
        document = json_codec.decode(arguments)
    except json_codec.InvalidJSON:
        return None
    found = document.get("input") if isinstance(document, dict) else None
    return found if isinstance(found, str) else None
