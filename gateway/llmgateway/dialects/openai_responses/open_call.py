"""A tool call of a stream while it is being written."""

from __future__ import annotations

from typing import Any

from llmgateway.dialects.openai_responses import items
from llmgateway.dialects.openai_responses.custom_input import InputUnwrapper
from llmgateway.dialects.openai_responses.event_writer import DeltaTemplate, EventWriter
from llmgateway.dialects.openai_responses.items import Ending, ItemStatus
from llmgateway.events import ToolIdentity


class OpenCall:
    """A client runs a call once it is done (Codex whatever its status says, and keeps it over a retry). So one that
    broke off is never said to be done, with one exception that can't be run: a function call at its token limit is
    closed as incomplete, as OpenAI does, and its arguments are not."""

    def __init__(
        self, writer: EventWriter, identifier: str, output_index: int, call_id: str, identity: ToolIdentity
    ) -> None:
        self.output_index = output_index
        self.is_finished_upstream = False
        self._writer = writer
        self._id = identifier
        self._call_id = call_id
        self._identity = identity
        self._status: ItemStatus = "in_progress"
        self._fragments: list[str] = []
        self._unwrapper = InputUnwrapper() if identity.kind == "custom" else None
        self._event = "response.custom_tool_call_input" if self._unwrapper else "response.function_call_arguments"
        self._address: dict[str, Any] = {"item_id": identifier, "output_index": output_index}
        self._template = DeltaTemplate(f"{self._event}.delta", self._address)
        writer.write("response.output_item.added", {"output_index": output_index, "item": self.document()})

    def document(self) -> dict[str, Any]:
        """The item as it stands."""
        content = items.call_content(self._arguments, self._identity, self._status)
        return items.call_item(self._id, self._call_id, self._identity, content, self._status)

    def add(self, fragment: str) -> None:
        """More of its arguments."""
        self._fragments.append(fragment)
        self._write_delta(self._unwrapper.feed(fragment) if self._unwrapper else fragment)

    def is_whole(self) -> bool:
        """Whether its arguments are. The upstream's word is not enough: Anthropic also closes a block that ran into
        the token limit."""
        return items.is_whole(self._arguments, self._identity)

    def is_settled(self) -> bool:
        """Whether it is over when another item begins."""
        return self.is_whole() or (self.is_finished_upstream and not self._arguments.strip())

    def close(self, ending: Ending, *, is_last: bool) -> None:
        """No more of this call."""
        self._status = items.call_status(self._arguments, self._identity, ending, is_last=is_last)
        if self._status == "completed":
            self._write_rest()
            content = items.call_content(self._arguments, self._identity, self._status)
            name = "input" if self._unwrapper else "arguments"
            self._writer.write(f"{self._event}.done", self._address | {name: content})
        elif self._unwrapper or ending == "failed":
            return
        self._writer.write("response.output_item.done", {"output_index": self.output_index, "item": self.document()})

    @property
    def _arguments(self) -> str:
        return "".join(self._fragments)

    def _write_rest(self) -> None:
        """What the deltas so far lack of the whole content."""
        if self._unwrapper:
            self._write_delta(self._unwrapper.end())
        elif not self._arguments.strip():
            self._write_delta(items.NO_ARGUMENTS)

    def _write_delta(self, text: str) -> None:
        if text:
            self._writer.write_delta(self._template, text)
