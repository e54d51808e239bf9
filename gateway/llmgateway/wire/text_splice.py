"""Texts that go from one stream into another without being parsed.

The events of one stream that carry text differ in nothing but the text. What stands around it is learned from one event
that was parsed; a read that holds such events alone becomes the other stream's events when what stands around the texts
is replaced. The texts stay the JSON strings that they are. Whatever differs in any byte is left to the parser.
"""

from __future__ import annotations

import re

from llmgateway.wire.json_codec import encode

MAX_LESSONS = 8
"""Events learned from without any use, after which a stream is known to vary (random padding, log probabilities)."""

_REST = re.compile(rb'(:\s*")((?:[^"\\\n]++|\\.)*+)("[^\r\n]*+\n\n)\Z')
"""From a member's name to the end of its event: where its string begins, the string's inside, what follows."""
_INSIDES = re.compile(rb'(?:[^"\\\x00-\x1f]++|\\["\\bfnrt]|\n)*+')
"""Insides of JSON strings (RFC 8259, section 7), one a line, with none but the escapes that an encoder writes too."""


class TextSplice:
    """What is known of one stream."""

    __slots__ = ("_after", "_before", "_between", "_lessons", "_newlines")

    def __init__(self) -> None:
        self._before = self._after = self._between = b""
        self._newlines = 0
        self._lessons = MAX_LESSONS

    @property
    def learns(self) -> bool:
        """Whether another lesson may help."""
        return self._lessons > 0

    def learn(self, event: bytes, lone: tuple[bytes, str] | None) -> None:
        """`event`: a whole one, its blank line included. `lone`: the name (with its quotation marks) and the value of
        the member that is all that matters in it; None where there is more to it."""
        self._lessons -= 1
        if lone is None or event.count(lone[0]) != 1:
            return
        name, text = lone
        rest = _REST.match(event, event.index(name) + len(name))
        if rest is None or rest[2] != encode(text)[1:-1]:
            return
        self._before, self._after = event[: rest.end(1)], rest[3]
        self._between = self._after + self._before
        self._newlines = self._between.count(b"\n")

    def texts(self, data: bytes) -> bytes | None:
        """The insides of the texts' JSON strings, a line each; None where the data is anything but known events."""
        before, after = self._before, self._after
        if not before or not (data.startswith(before) and data.endswith(after) and len(data) > len(self._between)):
            return None
        insides = data[len(before) : -len(after)].replace(self._between, b"\n")
        if not _are_texts(insides) or data.count(b"\n") != self._newlines * (insides.count(b"\n") + 1):
            return None
        self._lessons = MAX_LESSONS
        return insides


def framed(insides: bytes, before: bytes, after: bytes) -> bytes:
    """An event around each text."""
    return before + insides.replace(b"\n", after + before) + after


def _are_texts(insides: bytes) -> bool:
    """None is empty (an empty text is no event), each is a JSON string's inside in good UTF-8."""
    if insides[:1] == b"\n" or insides[-1:] == b"\n" or b"\n\n" in insides or not _INSIDES.fullmatch(insides):
        return False
    return insides.isascii() or _is_utf8(insides)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
