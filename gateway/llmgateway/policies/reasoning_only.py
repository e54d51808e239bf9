"""An answer that holds reasoning and nothing else: whether its reasoning is shown as text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from llmgateway.events import (
    Citation,
    Event,
    Opaque,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolCallStarted,
    TurnFinished,
)
from llmgateway_api.policy import ReasoningOnly

_TAGS = re.compile(r"<[^<>]{0,200}>")
_SAYS_SOMETHING = (RefusalDelta, ToolCallStarted, Citation, Opaque)
_SHOWN_AFTER = ("stop", "stop_sequence", "length")


def shown(reasoning: str, settings: ReasoningOnly) -> str:
    """The text that stands for an answer of this reasoning alone; "" where none does."""
    if settings.mode == "Never":
        return ""
    if settings.mode == "Visible":
        return reasoning
    return " ".join(_TAGS.sub(" ", reasoning).split())[: settings.max_characters].rstrip()


class ReasoningShown:
    """Events of one turn, streamed or whole, through the policy: the text comes right before the end of the turn.

    With mode Never the events are the same objects, and nothing is collected.
    """

    def __init__(self, settings: ReasoningOnly) -> None:
        self._settings = settings
        self._collects = settings.mode != "Never"
        self._reasoning: list[str] = []
        self.acted = False

    @property
    def collects(self) -> bool:
        """False where nothing can come of it: `pass_on` need not be called."""
        return self._collects

    def pass_on(self, events: Sequence[Event]) -> Sequence[Event]:
        """The same events, and a TextDelta before TurnFinished where the turn held reasoning alone."""
        if not self._collects:
            return events
        passed: list[Event] = []
        for event in events:
            passed += self._instead(event)
        return passed

    def _instead(self, event: Event) -> list[Event]:
        if isinstance(event, ReasoningDelta) and self._collects:
            self._reasoning.append(event.text)
        elif isinstance(event, _SAYS_SOMETHING) or (isinstance(event, TextDelta) and event.text.strip()):
            self._collects = False
        elif isinstance(event, TurnFinished) and self._collects and event.reason in _SHOWN_AFTER:
            text = shown("".join(self._reasoning), self._settings)
            self.acted = bool(text)
            return [TextDelta(text), event] if text else [event]
        return [event]
