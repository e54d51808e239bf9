"""The output of a stream while it is being written.

One message or reasoning item is open at a time. Tool calls may be open beside it and beside each other, each event with
its own output_index: fragments of parallel calls then pass without being held back, and nothing has to be guessed about
which call is over. A call whose arguments are whole is closed as soon as another item begins, so that calls which come
one after the other (as every known upstream sends them) make a strictly sequential stream.
"""

from __future__ import annotations

from typing import Any

from llmgateway.dialects.openai_responses import items
from llmgateway.dialects.openai_responses.event_writer import EventWriter
from llmgateway.dialects.openai_responses.items import Ending, View
from llmgateway.dialects.openai_responses.open_call import OpenCall
from llmgateway.dialects.openai_responses.open_message import OpenMessage
from llmgateway.dialects.openai_responses.open_reasoning import OpenReasoning
from llmgateway.dialects.reply import Reply
from llmgateway.events import ToolCallStarted, ToolIdentity


class OpenOutput:
    """Opens and closes the items; an item's position in `documents()` is its output_index."""

    def __init__(self, writer: EventWriter, reply: Reply, view: View) -> None:
        self._writer = writer
        self._reply = reply
        self._view = view
        self._items: list[OpenMessage | OpenReasoning | OpenCall] = []
        self._text_item: OpenMessage | OpenReasoning | None = None
        self._calls: dict[int, OpenCall] = {}

    def documents(self) -> list[dict[str, Any]]:
        """All items as they stand."""
        return [item.document() for item in self._items]

    def message(self) -> OpenMessage:
        """The open message, or a new one."""
        if isinstance(self._text_item, OpenMessage):
            return self._text_item
        index = self._next_index()
        message = OpenMessage(self._writer, items.item_id("msg", self._reply, index), index, self._view)
        self._items.append(message)
        self._text_item = message
        return message

    def reasoning(self) -> OpenReasoning:
        """The open reasoning item, or a new one."""
        if self._open_reasoning:
            return self._open_reasoning
        index = self._next_index()
        reasoning = OpenReasoning(self._writer, items.item_id("rs", self._reply, index), index, self._view)
        self._items.append(reasoning)
        self._text_item = reasoning
        return reasoning

    def sign(self, signature: str) -> None:
        """A signature of the open reasoning, or one that comes alone."""
        if self._open_reasoning or items.is_visible("", signature, self._view):
            self.reasoning().sign(signature)
        else:
            self.close_block()

    def close_block(self) -> None:
        """Text or reasoning that follows is a new part or item."""
        if isinstance(self._text_item, OpenMessage):
            self._text_item.close_part()
        elif self._text_item is not None:
            self._text_item.is_ended = True

    def start_call(self, event: ToolCallStarted) -> None:
        """A new call, under the client's own name of the tool."""
        identity = self._reply.tools.get(event.name) or ToolIdentity(event.name)
        index = self._next_index()
        call = OpenCall(self._writer, items.call_item_id(identity, self._reply, index), index, event.id, identity)
        self._items.append(call)
        self._calls[event.index] = call

    def add_arguments(self, call_index: int, fragment: str) -> None:
        """More of an open call; after whole arguments nothing but white space can come."""
        call = self._calls.get(call_index)
        if call is not None:
            call.add(fragment)

    def finish_call(self, call_index: int) -> None:
        """The upstream says that the call is complete."""
        call = self._calls.get(call_index)
        if call is not None:
            call.is_finished_upstream = True
            if call.is_whole():
                self._close_call(call_index)

    def close(self, ending: Ending) -> None:
        """The turn is over."""
        if not self._items and ending not in items.EARLY_ENDINGS:
            self.message().part("output_text")  # an empty answer is an empty message
        for call in self._calls.values():
            call.close(ending, is_last=call.output_index == len(self._items) - 1)
        self._calls.clear()
        self._close_text_item(ending)

    @property
    def _open_reasoning(self) -> OpenReasoning | None:
        item = self._text_item
        return item if isinstance(item, OpenReasoning) and not item.is_ended else None

    def _next_index(self) -> int:
        """The output_index of the item that begins now; what its beginning ends is closed."""
        for call_index in [index for index, call in self._calls.items() if call.is_settled()]:
            self._close_call(call_index)
        self._close_text_item("stop")
        return len(self._items)

    def _close_call(self, call_index: int) -> None:
        self._calls.pop(call_index).close("tool_calls", is_last=False)

    def _close_text_item(self, ending: Ending) -> None:
        """A message or reasoning item is open only while it is the last item."""
        if self._text_item is not None:
            self._text_item.close(ending, is_last=True)
        self._text_item = None
