"""What is kept of a turn beyond its answer: stored responses, conversations. Most turns have nothing to keep."""

from __future__ import annotations

from typing import Protocol

from llmgateway.dialects.reply import Reply, StreamEncoder
from llmgateway.events import Event
from llmgateway.server.dialects import DIALECTS
from llmgateway.server.turn_record import TurnRecord


class TurnKeeper(Protocol):
    """Listens to one turn. Nothing here may fail the turn: stores that are away are the store's own business."""

    def encoder(self, reply: Reply) -> StreamEncoder:
        """The client's encoder for a stream, possibly with an ear in it."""
        ...

    async def answered(self, reply: Reply, body: bytes, events: list[Event]) -> None:
        """A whole answer is about to be sent: the client's body and the events it was made of."""
        ...

    async def ended(self) -> None:
        """The turn is over, however it went."""
        ...


class NothingKept:
    """For turns that nobody stores."""

    def __init__(self, record: TurnRecord) -> None:
        self._dialect = record.dialect

    def encoder(self, reply: Reply) -> StreamEncoder:
        """The dialect's own encoder."""
        return DIALECTS[self._dialect].stream_encoder(reply)

    async def answered(self, reply: Reply, body: bytes, events: list[Event]) -> None:
        """Nothing to do."""

    async def ended(self) -> None:
        """Nothing to do."""
