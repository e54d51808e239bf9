"""The port: what the gateway wants of a store.

`owner` is the client's key name; an id of another owner is absent, not forbidden. Every method may raise
StoreUnavailable; behind `resilient` only those that must answer from the store do. Nothing reads, thinks and writes
back: each write is one atomic step, so that any number of replicas may write at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from llmgateway.storage.records import (
    Beginning,
    Budget,
    Charge,
    Conversation,
    ConversationPage,
    Document,
    EventPage,
    Health,
    NewResponse,
    ResponseKey,
    ResponseStatus,
    Session,
    SessionKey,
    SessionTurn,
    SilentProcess,
    StoredEvent,
    StoredResponse,
    Suspension,
    Turn,
)


class Conversations(Protocol):
    """Histories by `conversation_id` (S1)."""

    async def append(self, owner: str, conversation: str, turn: Turn) -> None:
        """Adds a turn at the end, begins the conversation where it is new, and starts its time to live anew."""
        ...

    async def describe(self, owner: str, conversation: str, metadata: dict[str, str], at: float) -> None:
        """Replaces the metadata, begins the conversation where it is new; messages stay."""
        ...

    async def read(self, owner: str, conversation: str) -> Conversation | None:
        """The whole conversation."""
        ...

    async def page(self, owner: str, limit: int = 20, after: str | None = None) -> ConversationPage:
        """The owner's conversations, newest first, from the cursor `after` on. Raises ValueError for a cursor that no
        page gave."""
        ...

    async def delete(self, owner: str, conversation: str) -> bool:
        """False when there is none."""
        ...


class Responses(Protocol):
    """Responses of the Responses API with the event logs of their streams (R4)."""

    async def create(self, owner: str, response: NewResponse) -> None:
        """Stores a new response; one that exists stays as it is (a retry)."""
        ...

    async def append_events(self, owner: str, response: str, events: Sequence[StoredEvent]) -> bool:
        """Adds to the log; numbers that are there already are skipped (a retry). False when the response is closed or
        absent: whoever works on it must stop. Without events it only asks."""
        ...

    async def finish(
        self, owner: str, response: str, status: ResponseStatus, document: Document, events: Sequence[StoredEvent] = ()
    ) -> bool:
        """Closes it with its last events. The first one wins: False when it is closed already, or absent."""
        ...

    async def read(self, owner: str, response: str) -> StoredResponse | None:
        """The response as it stands."""
        ...

    async def wait_events(self, owner: str, response: str, after: int, timeout: float) -> EventPage | None:  # noqa: ASYNC109 - an answer ("none yet"), no cancellation
        """Events with numbers above `after`: at once when there are any or the response is closed, else as soon as any
        replica writes one; an empty page after `timeout` seconds. None: absent."""
        ...

    async def delete(self, owner: str, response: str) -> bool:
        """False when there is none."""
        ...

    async def open_of(self, process: str) -> list[ResponseKey]:
        """Responses that a process began and nobody closed: what a crash leaves behind."""
        ...


class Sessions(Protocol):
    """Facts of sessions (W7), and the marks of those that must start afresh (H2)."""

    async def begin(self, session: SessionKey, process: str, at: float) -> Beginning:
        """A turn begins: the session is active, and on this process; the answer is what was known before. The mark of
        a suspended session is taken with it, and what was known is forgotten: exactly one of several concurrent
        requests is told. In one step."""
        ...

    async def note(self, session: SessionKey, process: str, turn: SessionTurn) -> None:
        """A turn ended: its figures meet those of the turns before it."""
        ...

    async def read(self, session: SessionKey) -> Session | None:
        """What is known."""
        ...

    async def active_since(self, process: str, since: float) -> list[SessionKey]:
        """Sessions with a turn on this process at `since` (Unix seconds) or later."""
        ...

    async def suspend(self, session: SessionKey, suspension: Suspension) -> None:
        """Marks it; the first mark stays until it is taken."""
        ...

    async def suspension(self, session: SessionKey) -> Suspension | None:
        """The mark, left where it is."""
        ...


class Limits(Protocol):
    """Budgets per client, shared by all replicas."""

    async def charge(self, client: str, budgets: Sequence[Budget]) -> Charge:
        """Charges all budgets, or none when one of them can't pay; in one step, so that replicas never overspend."""
        ...

    async def settle(self, client: str, budget: str, window_number: int, amount: int) -> None:
        """Corrects an estimate that was charged (either way, even below what is left); nothing once that window is
        over."""
        ...


class Processes(Protocol):
    """Which gateway processes run, so that a crash can be told from a clean end."""

    async def begin(self, process: str, at: float) -> float | None:
        """Marks it as running. A time: the last beat of a process of this name that never ended, a crash."""
        ...

    async def beat(self, process: str, at: float) -> None:
        """Still running."""
        ...

    async def end(self, process: str) -> None:
        """Ended cleanly: the next `begin` sees no crash."""
        ...

    async def claim_silent(self, before: float) -> list[SilentProcess]:
        """Processes whose last beat is older than `before`; each is handed to one caller only."""
        ...


class Store(Protocol):
    """All of it."""

    @property
    def conversations(self) -> Conversations: ...
    @property
    def responses(self) -> Responses: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def limits(self) -> Limits: ...
    @property
    def processes(self) -> Processes: ...

    def health(self) -> Health:
        """How it is at this moment; never waits."""
        ...

    async def ping(self) -> None:
        """Raises StoreUnavailable when the store does not answer."""
        ...

    async def close(self) -> None:
        """Lets go of connections and files; what is queued gets one last try."""
        ...
