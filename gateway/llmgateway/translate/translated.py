"""What a request translator takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct, field

from llmgateway.events import ToolIdentity

UpstreamType = Literal["OpenAI", "VLLM", "LlamaCpp", "Ollama", "Anthropic", "ClaudeAgent", "Scripted"]


class Target(Struct, frozen=True, kw_only=True):
    """The upstream that the request goes to."""

    type: UpstreamType
    model: str
    """The upstream's own name of the model."""
    system_messages: Literal["Fold", "First", "Keep"] | None = None
    """None: Fold, but a chat request to an OpenAI upstream stays as it is."""
    thinking: bool = False
    """Whether a model with a switch thinks when the request says nothing (`models[].defaults.thinking`)."""
    default_max_tokens: int | None = None
    """From the spec (`models[].defaults.maxTokens`); where the dialect requires max_tokens and nobody gave one."""


class Loss(Struct, frozen=True):
    """One request field that did not arrive as the client meant it."""

    path: str
    """The field's path in the client's dialect, e.g. `tools[2].cache_control` or `logit_bias`."""
    reason: str


class Translated(Struct, kw_only=True):
    """A request in the upstream's dialect, and what that cost."""

    document: dict[str, Any]
    losses: list[Loss] = field(default_factory=list)
    tools: dict[str, ToolIdentity] = field(default_factory=dict)
    """Upstream tool name -> the client's tool, for renamed tools only."""
    headers: dict[str, str] = field(default_factory=dict)
    """Headers that the document needs upstream (`anthropic-version`)."""


Translator = Callable[[Mapping[str, Any], Target], Translated]
"""Raises failures.TurnRefused (invalid_request, with `param`) for what no answer could be made of."""
