"""What is stored: plain values, the same for every implementation.

Messages are chat-shaped (OpenAI's `messages`: role, content, tool_calls, tool_call_id) whichever dialect wrote them,
so that every dialect reads the same history through the translator that it needs for chat upstreams anyway. What
chat can't say may ride on its message under keys of its own (docs/decisions/0300-conversations-as-chat-turns.md).
The store never looks inside. What it was given belongs to it: a caller must not change a record afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct, field

Document = dict[str, Any]
"""A JSON object."""

HOUR, DAY = 3600.0, 86400.0


class Retention(Struct, frozen=True, kw_only=True):
    """Seconds of quiet after which things are forgotten."""

    conversations: float = 7 * DAY
    responses: float = 7 * DAY
    events: float = HOUR
    """Logs for resuming a stream; they are far larger than the answer that stays."""
    sessions: float = 2 * HOUR


class Turn(Struct, frozen=True, kw_only=True):
    """One exchange: the client's new messages and the answer. It is stored whole or not at all."""

    id: str
    """Unique in its conversation; a turn that is appended again (a retry) is stored once."""
    at: float
    """Unix seconds."""
    messages: Sequence[Document]
    dialect: str = ""
    """The dialect that the client spoke."""
    model: str = ""


class ConversationSummary(Struct, frozen=True, kw_only=True):
    """A conversation without its messages; times are Unix seconds."""

    id: str
    created: float
    updated: float
    turns: int
    metadata: dict[str, str]


class Conversation(Struct, frozen=True, kw_only=True):
    """A whole conversation, turns in the order in which they were stored."""

    id: str
    created: float
    updated: float
    metadata: dict[str, str]
    turns: list[Turn]

    @property
    def messages(self) -> list[Document]:
        """The history, as one chat request would hold it, in the order in which it happened: a turn that waited for a
        store that was away is stored later than the turns after it."""
        return [message for turn in sorted(self.turns, key=lambda turn: turn.at) for message in turn.messages]


class ConversationPage(Struct, frozen=True):
    """A part of a list, newest first; `next` is the cursor of what follows, None at the end."""

    items: list[ConversationSummary]
    next: str | None = None


ResponseStatus = Literal["queued", "in_progress", "completed", "incomplete", "failed", "cancelled"]
OPEN_STATUSES = ("queued", "in_progress")


class NewResponse(Struct, frozen=True, kw_only=True):
    """A response of the Responses API as it begins."""

    id: str
    at: float
    """Unix seconds."""
    document: Document
    """The response object."""
    input_items: list[Document]
    status: ResponseStatus = "in_progress"
    process: str = ""
    """The gateway process that works on it."""


class StoredResponse(Struct, frozen=True, kw_only=True):
    """A response as it stands. `last_event` is the highest number in its log, -1 when there is none."""

    id: str
    at: float
    document: Document
    input_items: list[Document]
    status: ResponseStatus
    process: str
    last_event: int

    @property
    def is_open(self) -> bool:
        """Whether more is to come."""
        return self.status in OPEN_STATUSES


class StoredEvent(Struct, frozen=True):
    """One server-sent event as it goes to the client; `number` is its sequence_number (0, 1, ...)."""

    number: int
    data: bytes


class EventPage(Struct, frozen=True):
    """Events after a number, in order, without a gap among them."""

    events: list[StoredEvent]
    is_closed: bool = False
    """Nothing comes after these."""
    is_cut: bool = False
    """What follows these was lost (evicted, expired, or the store was away): the stream can't be resumed."""


class SessionTurn(Struct, frozen=True, kw_only=True):
    """What one turn adds to its session. Each part has its own way of meeting what other replicas wrote."""

    id: str
    """Unique in its session; the same turn noted again (a retry) counts once."""
    at: float
    """Unix seconds."""
    counters: dict[str, int] = field(default_factory=dict)
    """Added up."""
    peaks: dict[str, float] = field(default_factory=dict)
    """The greatest stays."""
    facts: dict[str, Any] = field(default_factory=dict)
    """The last one stays."""
    entry: Document = field(default_factory=dict)
    """Kept in a row with those before it."""


SESSION_ENTRIES = 64
"""Entries kept of a session, the newest."""


class Session(Struct, frozen=True, kw_only=True):
    """What is known of a session; times are Unix seconds, `entries` oldest first."""

    id: str
    started: float
    active: float
    counters: dict[str, int] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    entries: list[Document] = field(default_factory=list)


class SessionKey(Struct, frozen=True, order=True):
    """Names one session: ids of two owners never meet."""

    owner: str
    id: str


class ResponseKey(Struct, frozen=True, order=True):
    """Names one response."""

    owner: str
    id: str


class Suspension(Struct, frozen=True):
    """Why a session must start afresh, and since when (Unix seconds)."""

    reason: str
    at: float


class Beginning(Struct, frozen=True):
    """What the first look at a session finds: `known` None for a new one, and for one that must start afresh."""

    known: Session | None = None
    suspension: Suspension | None = None


class Budget(Struct, frozen=True):
    """`limit` per `window` seconds; windows are cut at multiples of their length since the epoch (86400: UTC days)."""

    name: str
    limit: int
    window: int
    amount: int = 1
    """What is to be charged now."""


class Balance(Struct, frozen=True):
    """One budget after a charge."""

    name: str
    limit: int
    remaining: int
    """Never below 0."""
    reset_after: float
    """Seconds until the window ends and `remaining` is `limit` again."""
    fits: bool
    window_number: int
    """Which window was charged; `settle` wants it."""


class Charge(Struct, frozen=True):
    """All budgets were charged, or none was."""

    balances: list[Balance]
    is_local: bool = False
    """The shared store was away: this replica counted alone."""

    @property
    def allowed(self) -> bool:
        return all(balance.fits for balance in self.balances)

    @property
    def retry_after(self) -> float:
        """Seconds until the budgets that refused are fresh; 0.0 when the charge was allowed."""
        return max((balance.reset_after for balance in self.balances if not balance.fits), default=0.0)


class SilentProcess(Struct, frozen=True):
    """A process that ended without saying so; `last_beat` in Unix seconds."""

    name: str
    last_beat: float


class Health(Struct, frozen=True, kw_only=True):
    """For /readyz and metrics."""

    state: Literal["ok", "degraded"] = "ok"
    since: float | None = None
    """Unix seconds of the beginning of the trouble."""
    reason: str = ""
    queued: int = 0
    """Writes that wait for the store."""
    queued_bytes: int = 0
    dropped: int = 0
    """Writes lost since the process began."""
