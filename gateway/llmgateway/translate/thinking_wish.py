"""What the client wants of the model's reasoning, whatever its dialect calls it, and how a chat upstream is told.

Chat-like fields: `reasoning_effort`, `reasoning`, `chat_template_kwargs`; Anthropic's `thinking` and
`output_config.effort`; the gateway's own `thinking` and `effort` on every dialect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from llmgateway.profiles import nearest_effort, open_family, openai_family
from llmgateway.translate.rules import Losses
from llmgateway.translate.translated import Target

SERVER_EFFORTS = ("low", "medium", "high")
"""What vLLM, llama.cpp and Ollama accept as reasoning_effort."""
_BUDGETS = ((2048, "low"), (8192, "medium"), (24576, "high"))


class ThinkingWish(Struct):
    """`on` is None when the client said nothing about it."""

    on: bool | None = None
    effort: str | None = None
    budget: int | None = None
    show: bool = False
    """The client asked to see the reasoning."""
    path: str = ""
    """The client's field that said so."""
    effort_path: str = ""
    """The client's field that named the effort."""
    explicit: bool = False
    """`thinking` said so, which an effort doesn't overrule."""

    def take_effort(self, value: Any, path: str, *, switches: bool = True) -> None:
        """An effort of any dialect; where it `switches`, naming one turns reasoning on and `none` turns it off."""
        if not isinstance(value, str):
            return
        self.path = self.path or path
        self.effort_path = path
        self.effort = None if value == "none" else value
        if switches and not self.explicit:
            self.on = value != "none"

    def take_thinking(self, value: Any) -> None:
        """`thinking` of any dialect: true, false, or Anthropic's object (an open one counts as on)."""
        if isinstance(value, Mapping):
            self.on = value.get("type") not in ("disabled", "between_tools")
            self.show = self.show or (self.on and value.get("display") != "omitted")
            budget = value.get("budget_tokens")
            self.budget = budget if isinstance(budget, int) and not isinstance(budget, bool) else None
        elif isinstance(value, bool):
            self.on = value
            self.show = self.show or value
        else:
            return
        self.path = "thinking"
        self.explicit = True

    @property
    def level(self) -> str | None:
        """The effort asked for, in words; a budget counts as the effort that it buys; None when nothing was said."""
        if self.effort is not None:
            return self.effort
        if self.budget is not None:
            return next((effort for most, effort in _BUDGETS if self.budget <= most), "xhigh")
        return "high" if self.on else None


def thinks(wish: ThinkingWish, target: Target) -> bool:
    """The position of the switch of a model that has one."""
    return target.thinking if wish.on is None else wish.on


def tell_chat(wish: ThinkingWish, target: Target, document: dict[str, Any], to: Losses) -> None:
    """Put the switch or the effort that this chat upstream understands into the document."""
    if target.type == "OpenAI":
        _tell_openai(wish, target, document, to)
    elif target.type == "Ollama":
        _tell_ollama(wish, target, document, to)
    else:
        _tell_server(wish, target, document, to)


def _tell_openai(wish: ThinkingWish, target: Target, document: dict[str, Any], to: Losses) -> None:
    family = openai_family(target.model)
    if wish.on is False:
        if family.always_reasons:
            document["reasoning_effort"] = family.efforts[0]
            to.lose(wish.path, "this model always reasons: its lowest effort is asked for")
    elif wish.level is not None and not family.efforts:
        to.lose(wish.path, "this model has no reasoning to set")
    elif wish.level is not None:
        document["reasoning_effort"] = _clamped(wish, family.efforts, to)


def _tell_ollama(wish: ThinkingWish, target: Target, document: dict[str, Any], to: Losses) -> None:
    family = open_family(target.model)
    if family is None:  # Ollama answers 400 to an effort for a model that can't reason
        if wish.on:
            to.lose(wish.path, "not known as a model that reasons, and Ollama refuses the switch for others")
    elif thinks(wish, target):
        document["reasoning_effort"] = _clamped(wish, SERVER_EFFORTS, to)
    elif family.switch is not None:
        document["reasoning_effort"] = "none"
    elif wish.on is False:
        to.lose(wish.path, "this model always reasons")


def _tell_server(wish: ThinkingWish, target: Target, document: dict[str, Any], to: Losses) -> None:
    family = open_family(target.model)
    if family is not None and family.switch is not None and target.type in ("VLLM", "LlamaCpp"):
        document["chat_template_kwargs"] = {family.switch: thinks(wish, target)}
        if not thinks(wish, target):
            return
    elif family is not None and wish.on is False:
        to.lose(wish.path, "this model always reasons")
    if wish.on is not False and wish.level is not None:
        document["reasoning_effort"] = _clamped(wish, SERVER_EFFORTS, to)


def _clamped(wish: ThinkingWish, accepted: tuple[str, ...], to: Losses) -> str:
    wanted = wish.level or "high"
    found = nearest_effort(wanted, accepted)
    if found != wanted:
        to.lose(wish.effort_path or wish.path, f"effort {wanted} is not known to this upstream: {found} is asked for")
    return found
