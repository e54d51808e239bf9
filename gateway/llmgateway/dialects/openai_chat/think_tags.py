"""`<think>...</think>` at the beginning of an answer's content is reasoning, however the chunks cut the tags.

Servers without a reasoning parser leave the tags in the text. Anywhere else they are text: a model may write about
them.
"""

from __future__ import annotations

from typing import Any, Literal

from llmgateway.events import ReasoningDelta, TextDelta

OPEN, CLOSE = "<think>", "</think>"
MAX_HELD = 64

Found = TextDelta | ReasoningDelta


class ThinkTags:
    """Content pieces in, text and reasoning out. Once `done`, all that follows is text and needs no look."""

    def __init__(self) -> None:
        self._state: Literal["start", "inside", "after"] = "start"
        self._held: list[TextDelta] = []
        self._tail = ""
        self._at_start = True
        self.done = False

    def feed(self, text: str, logprobs: Any = None) -> list[Found]:
        """What is certain now; a possible piece of a tag waits."""
        if self._state == "inside":
            return self._inside(text)
        if text[:1] not in ("", "<") and not text[0].isspace() and not self._held and self._state == "start":
            self.done = True
            return [TextDelta(text, logprobs)]
        self._held.append(TextDelta(text, logprobs))
        seen = "".join(piece.text for piece in self._held).lstrip()
        if self._state == "after":
            return self._after(seen)
        if seen.startswith(OPEN):
            self._state, self._held = "inside", []
            return self._inside(seen[len(OPEN) :])
        return [] if OPEN.startswith(seen) and len(self._held) < MAX_HELD else self.flush()

    def flush(self) -> list[Found]:
        """Something else follows: what waits is what it looks like."""
        if self._state == "inside":
            tail, self._tail = self._tail, ""
            return [ReasoningDelta(tail)] if tail else []
        held, self._held = self._held, []
        self.done = True
        return [] if self._state == "after" else list(held)

    def _inside(self, text: str) -> list[Found]:
        if self._at_start:
            text = text.lstrip("\n")
            self._at_start = not text
        text = self._tail + text
        reasoning, closed, rest = text.partition(CLOSE)
        if closed:
            self._state, self._tail = "after", ""
            shown: list[Found] = [ReasoningDelta(reasoning)] if reasoning else []
            return shown + (self.feed(rest) if rest else [])
        kept = _beginning_of_close(text)
        self._tail = text[len(text) - kept :]
        return [ReasoningDelta(text[: len(text) - kept])] if len(text) > kept else []

    def _after(self, seen: str) -> list[Found]:
        """The blank lines between `</think>` and the answer belong to neither."""
        logprobs = self._held.pop().logprobs
        self.done = bool(seen)
        return [TextDelta(seen, logprobs)] if seen else []


def _beginning_of_close(text: str) -> int:
    """How many characters at the end of the text may be the beginning of the closing tag."""
    return next((size for size in range(min(len(text), len(CLOSE) - 1), 0, -1) if CLOSE.startswith(text[-size:])), 0)
