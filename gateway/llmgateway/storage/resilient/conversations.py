"""Conversations of a store that may be away: turns wait, reads and deletions fail."""

from __future__ import annotations

from functools import partial

from llmgateway.storage.port import Conversations
from llmgateway.storage.records import Conversation, ConversationPage, Turn
from llmgateway.storage.resilient.guard import Guard
from llmgateway.storage.resilient.write_queue import Subject


class ResilientConversations:
    """Implements `port.Conversations`. Reads, pages and deletions raise StoreUnavailable."""

    def __init__(self, inner: Conversations, guard: Guard) -> None:
        self._inner = inner
        self._guard = guard

    async def append(self, owner: str, conversation: str, turn: Turn) -> None:
        make = partial(self._inner.append, owner, conversation, turn)
        await self._guard.write(_subject(owner, conversation), turn, make, None)

    async def describe(self, owner: str, conversation: str, metadata: dict[str, str], at: float) -> None:
        make = partial(self._inner.describe, owner, conversation, dict(metadata), at)
        await self._guard.write(_subject(owner, conversation), metadata, make, None)

    async def read(self, owner: str, conversation: str) -> Conversation | None:
        return await self._guard.read(_subject(owner, conversation), partial(self._inner.read, owner, conversation))

    async def page(self, owner: str, limit: int = 20, after: str | None = None) -> ConversationPage:
        return await self._guard.read((), partial(self._inner.page, owner, limit, after))

    async def delete(self, owner: str, conversation: str) -> bool:
        return await self._guard.read(_subject(owner, conversation), partial(self._inner.delete, owner, conversation))


def _subject(owner: str, conversation: str) -> Subject:
    return ("conversation", owner, conversation)
