"""Policies between client and backend. Nothing that changes a conversation is on unless the spec says so."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from llmgateway_api.api_model import ApiModel
from llmgateway_api.scalars import Count, Duration, Positive, Share, Text

SystemMessages = Literal["Fold", "First", "Keep"]


class Translation(ApiModel):
    """How honest translation is."""

    strict: bool = False
    """True: a request with a field that the backend can't express gets 400. False: `x-llmgateway-dropped` names it."""


class Trimming(ApiModel):
    """Cuts requests for backends behind a web application firewall."""

    enabled: bool = False
    """Whether requests are cut."""
    system_characters: Positive = 6000
    """Most characters of the system prompt."""
    head_share: Share = 0.7
    """Part of a cut system prompt that comes from its head; the rest is its tail."""
    assistant_characters: Positive = 1500
    """Most characters of one assistant message."""
    total_characters: Positive = 12000
    """Most characters of the messages together; the oldest go first, never between a tool call and its result."""


class ToolResults(ApiModel):
    """Cuts long tool results when pruning alone does not reach its goal."""

    longer: Positive = 2000
    """Results of more characters are cut."""
    head: Count = 1000
    """Characters kept of the beginning."""
    tail: Count = 500
    """Characters kept of the end."""


class Context(ApiModel):
    """Keeps conversations inside the model's window."""

    prune: Literal["Auto", "Always", "Never"] = "Auto"
    """Auto: on, except on Anthropic and ClaudeAgent backends, where a changed prefix is refused."""
    prune_at: Share = 0.75
    """Part of the window at which pruning begins."""
    prune_to: Share = 0.65
    """Part of the window that is left full after it."""
    keep_last: Count = 8
    """Messages at the end that always stay, beside the system prompt and the first user message."""
    window: Positive = 131072
    """Tokens of the window where neither the backend's `limits.contextWindow` nor the backend itself tells."""
    tool_results: ToolResults = ToolResults()
    """Long tool results."""


class Output(ApiModel):
    """The answer's room (max_tokens)."""

    thinking_floor: Positive = 16384
    """Fewest tokens for a model that thinks."""
    margin: Share = 0.15
    """Part of the window that stays free."""
    minimum: Positive = 1024
    """Never fewer tokens than these."""


class AgentLoop(ApiModel):
    """Keeps weak models in an agent's loop of tool calls."""

    force_tools: bool = False
    """Whether tool_choice is set to required while a loop is active. A client's own tool_choice always wins."""
    window: Positive = 6
    """Turns in which the same pattern of tool calls is looked for."""
    repeat_limit: Positive = 8
    """Times that a pattern may repeat in a row before tools are no longer forced."""
    forced_limit: Positive = 15
    """Forced turns before tools are no longer forced."""
    no_progress_limit: Positive = 4
    """Turns without progress that either limit needs as well."""
    release_at: Share = 0.9
    """Part of the window from which on tools are no longer forced."""
    guardrail_retry: bool = True
    """One more try with tool_choice required when a turn ends unexpectedly in a loop; only while `forceTools`."""
    supplement: Text = ""
    """Text at the end of the system prompt; empty: none."""


class ReasoningOnly(ApiModel):
    """An answer that holds reasoning and nothing else."""

    mode: Literal["Never", "Visible", "Sanitized"] = "Never"
    """Never: not shown as text. Visible: shown as it is. Sanitized: without tags, white space folded, cut."""
    max_characters: Positive = 240
    """Where Sanitized cuts."""


class EmptyAnswers(ApiModel):
    """An answer without text, tool call and reasoning."""

    attempts: Annotated[int, Field(ge=0, le=20)] = 3
    """Times that it is continued before the client gets it."""


class Pacing(ApiModel):
    """Smooths backends that only give whole messages."""

    words: Annotated[int, Field(ge=0, le=100)] = 0
    """Words of one piece; 0: off, 3 looks like typing."""
    min_delay: Duration = Duration("25ms")
    """Shortest pause between two pieces."""
    max_delay: Duration = Duration("60ms")
    """Longest pause between two pieces."""


class Stream(ApiModel):
    """Streams to clients."""

    keep_alive: Duration = Duration("15s")
    """Quiet after which a keep-alive is sent."""
    pacing: Pacing = Pacing()
    """Smooths backends that only give whole messages."""


class Levels(ApiModel):
    """Parts of the window at which a session's level rises."""

    elevated: Share = 0.75
    """From here on ELEVATED."""
    high: Share = 0.85
    """From here on HIGH."""
    critical: Share = 0.95
    """From here on CRITICAL."""


class Sessions(ApiModel):
    """The monitor of sessions."""

    ttl: Duration = Duration("2h")
    """Quiet after which a session is forgotten."""
    suspend_within: Duration = Duration("120s")
    """After a crash, sessions that were active within this time are suspended."""
    levels: Levels = Levels()
    """When a session's level rises."""


class Conversations(ApiModel):
    """Histories kept for clients (`conversation_id`)."""

    ttl: Duration = Duration("168h")
    """Quiet after which a conversation is forgotten."""


class Requests(ApiModel):
    """Limits of a single request."""

    max_body_bytes: Annotated[int, Field(ge=1024, le=1073741824)] = 33554432
    """Longest request body, after decompression as well; longer ones get 413."""


class CircuitBreaker(ApiModel):
    """Spares backends that are down."""

    failures: Positive = 5
    """Failures in a row after which a backend is left out."""
    open_for: Duration = Duration("30s")
    """How long, before one request tries it again."""


class Discovery(ApiModel):
    """Asks backends which models they serve."""

    interval: Duration = Duration("60s")
    """How often, after the first time at start."""


class Policy(ApiModel):
    """All policies with their defaults."""

    dry_run: bool = False
    """True: policies change no request, and `x-llmgateway-policies` says what they would have done."""
    translation: Translation = Translation()
    """How honest translation is."""
    system_messages: SystemMessages | None = None
    """System messages after the first. Fold: marked, into the neighbouring user turn. First: only the first stays.
    Keep: as they are. Left out: Fold, but a chat request to an OpenAI backend stays as it is."""
    trimming: Trimming = Trimming()
    """Cuts requests for backends behind a web application firewall."""
    context: Context = Context()
    """Keeps conversations inside the model's window."""
    output: Output = Output()
    """The answer's room (max_tokens)."""
    agent_loop: AgentLoop = AgentLoop()
    """Keeps weak models in an agent's loop of tool calls."""
    reasoning_only: ReasoningOnly = ReasoningOnly()
    """An answer that holds reasoning and nothing else."""
    empty_answers: EmptyAnswers = EmptyAnswers()
    """An answer that holds nothing."""
    stream: Stream = Stream()
    """Streams to clients."""
    sessions: Sessions = Sessions()
    """The monitor of sessions."""
    conversations: Conversations = Conversations()
    """Histories kept for clients."""
    requests: Requests = Requests()
    """Limits of a single request."""
    circuit_breaker: CircuitBreaker = CircuitBreaker()
    """Spares backends that are down."""
    discovery: Discovery = Discovery()
    """Asks backends which models they serve."""
