"""The room for the answer (max_tokens) on chat upstreams: enough for a model that thinks, never more than the window
holds. Messages upstreams keep what the client said: there the vendor knows its models' limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from llmgateway.policies.conversation import Dialect, Document
from llmgateway.policies.window import Window
from llmgateway.profiles import open_family, openai_family
from llmgateway_api.policy import Output

ROOM_FIELDS = ("max_completion_tokens", "max_tokens")
_NAMES = frozenset(ROOM_FIELDS)


class Room(Struct, frozen=True, kw_only=True):
    """The document with another room: `before` and `after` in tokens."""

    document: Document
    before: int
    after: int


def make_room(
    document: Document, dialect: Dialect, backend: str, *, input_tokens: int, window: Window, output: Output
) -> Room | None:
    """The document with the room that fits; None when the client's own fits, or it named none (servers then use what
    is left of the window). `backend`: the backend's type."""
    if _NAMES.isdisjoint(document) or not acts(dialect, backend, window):
        return None
    asked = {name: document[name] for name in ROOM_FIELDS if _is_count(document.get(name))}
    if not asked:
        return None
    before = max(asked.values())
    after = room(before, thinks(document, backend), input_tokens, window.tokens, output)
    changed = {name: after for name, value in asked.items() if value != after}
    return Room(document={**document, **changed}, before=before, after=after) if changed else None


def acts(dialect: Dialect, backend: str, window: Window) -> bool:
    """OpenAI's own windows are larger than the guess for unknown ones: without a known window nothing is changed."""
    return dialect == "chat" and not (backend == "OpenAI" and window.source == "default")


def room(asked: int, thinking: bool, input_tokens: int, window: int, output: Output) -> int:
    """What the client asked for, at least the floor where the model thinks, at most what is free in the window."""
    wanted = max(asked, output.thinking_floor) if thinking else asked
    free = window - input_tokens - round(window * output.margin)
    return min(wanted, max(free, output.minimum))


def thinks(document: Document, backend: str) -> bool:
    """Whether the model will think in this turn, as far as the request and the model's family tell."""
    model, effort = document.get("model"), document.get("reasoning_effort")
    name = model if isinstance(model, str) else ""
    asks = isinstance(effort, str) and effort not in ("", "none")
    if backend == "OpenAI":
        return openai_family(name).always_reasons or asks
    family = open_family(name)
    if family is None:
        return asks
    if family.switch is None:
        return True
    return asks or _switch(document.get("chat_template_kwargs"), family.switch)


def _switch(arguments: Any, name: str) -> bool:
    return isinstance(arguments, Mapping) and arguments.get(name) is True


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
