"""The canonical events of an answer: every upstream dialect is decoded into them, every client dialect is encoded
from them, whether the answer is streamed or whole.

Order of one turn: TurnStarted, then deltas and tool calls in any mix, UsageReported any number of times (the last
one counts), then exactly one of TurnFinished or TurnFailed. Tool calls are numbered by `index` (0, 1, ...) over tool
calls only, in order of appearance; fragments of parallel calls may interleave.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from llmgateway.failures import Failure

FinishReason = Literal["stop", "stop_sequence", "length", "tool_calls", "refusal", "context_window", "pause"]


class Usage(Struct, frozen=True, gc=False):
    """Token counts of one turn. `input_tokens` is the TOTAL prompt, cached parts included (OpenAI's way of counting;
    Anthropic's `input_tokens` is this less both cache counts)."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """Part of input_tokens that was read from a prompt cache."""
    cache_creation_tokens: int = 0
    """Part of input_tokens that was written to a prompt cache."""
    reasoning_tokens: int = 0
    """Part of output_tokens spent on reasoning."""


class ToolIdentity(Struct, frozen=True):
    """What the client calls a tool that the upstream knows under another name (length, characters, namespaces)."""

    name: str
    namespace: str | None = None
    kind: Literal["function", "custom"] = "function"
    """custom: freeform input, sent upstream as a function with one string argument named `input`."""


class TurnStarted(Struct, frozen=True, gc=False):
    """The upstream began to answer; `usage` holds the input counts where it already told them."""

    model: str = ""
    usage: Usage | None = None


class TextDelta(Struct, frozen=True):
    """More visible text, never empty."""

    text: str
    logprobs: Any = None
    """OpenAI's `logprobs` object of this piece, where the upstream gave one."""


class RefusalDelta(Struct, frozen=True, gc=False):
    """More of a refusal's text (OpenAI's `refusal`)."""

    text: str


class ReasoningDelta(Struct, frozen=True, gc=False):
    """More reasoning ("thinking") text."""

    text: str


class ReasoningSignature(Struct, frozen=True, gc=False):
    """Closes a reasoning block with the producer's opaque signature."""

    signature: str


class RedactedReasoning(Struct, frozen=True, gc=False):
    """A whole reasoning block that only its producer can read."""

    data: str


class ToolCallStarted(Struct, frozen=True, gc=False):
    """A new tool call; `name` is the upstream's name of the tool."""

    index: int
    id: str
    name: str


class ToolArgumentsDelta(Struct, frozen=True, gc=False):
    """More of the JSON text of a call's arguments, never empty."""

    index: int
    fragment: str


class ToolCallFinished(Struct, frozen=True, gc=False):
    """The upstream said that the call's arguments are complete (not every dialect does)."""

    index: int


class BlockClosed(Struct, frozen=True, gc=False):
    """The upstream closed its current text or reasoning block: what follows is a new one."""


class Citation(Struct, frozen=True):
    """A source of the text before it: `url` and `title` of a web page, and the producer's own object."""

    url: str
    title: str
    payload: dict[str, Any]


class Opaque(Struct, frozen=True):
    """A block that only its own dialect can express (server tools, containers); other encoders leave it out."""

    dialect: str
    payload: dict[str, Any]


class UsageReported(Struct, frozen=True, gc=False):
    """Token counts so far; the last report of a turn is the truth."""

    usage: Usage


class TurnFinished(Struct, frozen=True, gc=False):
    """The model ended its turn. `native_reason` is the upstream's own word."""

    reason: FinishReason
    native_reason: str = ""
    stop_sequence: str | None = None
    explanation: str | None = None
    """refusal: why, where the upstream told."""


class TurnFailed(Struct, frozen=True):
    """The turn ended without an answer, or in the middle of one."""

    failure: Failure


Event = (
    TurnStarted
    | TextDelta
    | RefusalDelta
    | ReasoningDelta
    | ReasoningSignature
    | RedactedReasoning
    | ToolCallStarted
    | ToolArgumentsDelta
    | ToolCallFinished
    | BlockClosed
    | Citation
    | Opaque
    | UsageReported
    | TurnFinished
    | TurnFailed
)
