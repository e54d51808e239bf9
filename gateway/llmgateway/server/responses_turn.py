"""What the Responses API adds to a turn: earlier responses as context, storing, and work in the background (R4)."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

from llmgateway.failures import Failure, TurnRefused
from llmgateway.server.call import Call
from llmgateway.storage.errors import StoreError
from llmgateway.storage.port import Responses


async def with_context(call: Call, responses: Responses, owner: str) -> list[dict[str, Any]]:
    """Puts the items of `previous_response_id` in front of the call's input; returns all input items.

    Raises TurnRefused (not_found) for a response that is unknown, or another client's."""
    items = input_items(call.document.get("input"))
    previous = call.text_field("previous_response_id")
    if previous is not None:
        try:
            stored = await responses.read(owner, previous)
        except StoreError:
            raise TurnRefused(STORE_AWAY) from None
        if stored is None:
            raise TurnRefused(unknown_response(previous, "previous_response_id", "previous_response_not_found"))
        items = [*stored.input_items, *stored.document.get("output", []), *items]
    call.document["input"] = items
    return items


def input_items(given: Any) -> list[dict[str, Any]]:
    """The request's `input` as items. Raises TurnRefused (invalid_request)."""
    if isinstance(given, str):
        return [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": given}]}]
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(item, dict) for item in given):
        message = "Field input must be a string or a list of items."
        raise TurnRefused(Failure(kind="invalid_request", message=message, param="input"))
    return list(given)


def wants_storing(call: Call) -> bool:
    """`store` is true unless the client says otherwise."""
    return call.field("store") is not False


def wants_background(call: Call) -> bool:
    """Whether the client asked for background work. Raises TurnRefused where it can't be stored."""
    if call.field("background") is not True:
        return False
    if not wants_storing(call):
        message = "Field background needs store: true, because a background response is fetched from the store."
        raise TurnRefused(Failure(kind="invalid_request", message=message, param="background"))
    return True


def unknown_response(identifier: str, param: str, code: str | None = None) -> Failure:
    """What a client is told about an id that is not (or no longer) in the store, or another client's."""
    message = f"Response {identifier[:80]!r} is not stored here: it is unknown, expired, or another client's."
    return Failure(kind="not_found", message=message, param=param, code=code)


STORE_AWAY = Failure(kind="unavailable", message="The store does not answer: try again.", retry_after=2)


class BackgroundTurns:
    """Turns that outlive their request; `cancel` ends one that runs in this process."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[None]] = {}

    def __len__(self) -> int:
        return len(self._running)

    def add(self, identifier: str, task: asyncio.Task[None]) -> None:
        """Watches one until it ends."""
        self._running[identifier] = task
        task.add_done_callback(lambda _: self._running.pop(identifier, None))

    def cancel(self, identifier: str) -> None:
        """Ends it; nothing where it runs in another process."""
        task = self._running.get(identifier)
        if task is not None:
            task.cancel()

    async def drain(self) -> None:
        """Waits for all of them."""
        await asyncio.gather(*self._running.values(), return_exceptions=True)


async def discard(message: MutableMapping[str, Any]) -> None:
    """The `send` of a turn that has no client any more."""
