"""Texts that go from one stream into another without being parsed.

The events of one stream that carry text differ in nothing but the text. What stands around it is learned from one event
that was parsed; a read that holds such events alone becomes the other stream's events when what stands around the texts
is replaced. The texts stay the JSON strings that they are. Whatever differs in any byte is left to the parser.
"""

from __future__ import annotations

import re

from llmgateway.wire.json_codec import encode
from llmgateway.wire.sse import NEWLINE

MAX_LESSONS = 8
"""Events learned from without any use, after which a stream is known to vary (random padding, log probabilities)."""

_REST = re.compile(rb'(:\s*")((?:[^"\\\n]++|\\.)*+)("[^\r\n]*+\n\n)\Z')
"""From a member's name to the end of its event: where its string begins, the string's inside, what follows."""
_INSIDES = re.compile(rb'(?:[^"\\\x00-\x09\x0b-\x1f]++|\\["\\bfnrt])*+')
"""Insides of JSON strings (RFC 8259, section 7), one a line, with none but the escapes that an encoder writes too."""


class TextSplice:
    """What is known of one stream."""

    __slots__ = ("_after", "_before", "_between", "_inside", "_lessons", "_lines", "_text_line")

    def __init__(self) -> None:
        self._before = self._after = self._between = b""
        self._lines = self._text_line = 0
        self._inside = slice(0)
        self._lessons = MAX_LESSONS

    def may_learn_from(self, data: bytes) -> bool:
        """Whether another lesson may help: not where these events begin as the known ones do and yet differ."""
        return self._lessons > 0 and not (self._before and data.startswith(self._before))

    def learn(self, event: bytes, lone: tuple[bytes, str] | None) -> None:
        """`event`: a whole one, its blank line included. `lone`: the name (with its quotation marks) and the value of
        the member that is all that matters in it; None where there is more to it."""
        self._lessons -= 1
        if lone is None or event.count(lone[0]) != 1:
            return
        name, text = lone
        rest = _REST.match(event, event.index(name) + len(name))
        if rest is not None and rest[2] == encode(text)[1:-1]:
            self._know(event[: rest.end(1)], rest[3])

    def texts(self, data: bytes) -> tuple[bytes, bytes] | None:
        """The insides of the JSON strings in the known events that the data begins with, a line each, and what follows
        the last of them; None where it begins otherwise, or something else stands among them."""
        before, after = self._before, self._after
        if not before or not data.startswith(before):
            return None
        start, end = len(before), data.rfind(after)
        if end <= start:
            return None
        middle, stop = data[start:end], end + len(after)
        insides = self._apart(data[:stop], middle) if NEWLINE in middle else middle
        if not _are_texts(insides):
            return None
        self._lessons = MAX_LESSONS
        return insides, data[stop:]

    def _know(self, before: bytes, after: bytes) -> None:
        self._before, self._after, self._between = before, after, after + before
        self._lines = self._between.count(b"\n")
        self._text_line = before.count(b"\n")
        self._inside = slice(len(before) - before.rfind(b"\n") - 1, -after.index(b"\n"))

    def _apart(self, events: bytes, middle: bytes) -> bytes:
        """`middle`: from the first text to the last. Nothing where other events or empty texts are among them. Lines
        are cut at the known lengths, and what was cut off is compared in one go: a search for `_between` would prepare
        itself anew at each event, which costs more than all the rest."""
        insides = [line[self._inside] for line in events.split(b"\n")[self._text_line : -1 : self._lines]]
        return b"\n".join(insides) if all(insides) and self._between.join(insides) == middle else b""


def framed(insides: bytes, before: bytes, after: bytes) -> bytes:
    """An event around each text."""
    return before + insides.replace(b"\n", after + before) + after


def _are_texts(insides: bytes) -> bool:
    """Whether each is a JSON string's inside in good UTF-8."""
    return bool(insides) and _INSIDES.fullmatch(insides) is not None and (insides.isascii() or _is_utf8(insides))


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
