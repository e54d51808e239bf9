"""A reasoning item of a stream while it is being written: one block, as its summary or as raw text."""

from __future__ import annotations

from typing import Any

from llmgateway.dialects.openai_responses import items
from llmgateway.dialects.openai_responses.event_writer import DeltaTemplate, EventWriter
from llmgateway.dialects.openai_responses.items import Ending, ItemStatus, View


class OpenReasoning:
    """Its part is added with the first text: a block that only carries a signature has none."""

    def __init__(self, writer: EventWriter, identifier: str, output_index: int, view: View) -> None:
        self.is_ended = False
        """The upstream closed the block: more reasoning is another item."""
        self._writer = writer
        self._id = identifier
        self._index = output_index
        self._view = view
        self._status: ItemStatus = "in_progress"
        self._signature: str | None = None
        self._texts: list[str] = []
        summary = view.reasoning_is_summary
        # openai-node throws on a reasoning_text.delta whose content part was not added
        self._part_event = "response.reasoning_summary_part" if summary else "response.content_part"
        self._text_event = "response.reasoning_summary_text" if summary else "response.reasoning_text"
        index_name = "summary_index" if summary else "content_index"
        self._address: dict[str, Any] = {"item_id": identifier, "output_index": output_index, index_name: 0}
        self._template = DeltaTemplate(f"{self._text_event}.delta", self._address)
        writer.write("response.output_item.added", {"output_index": output_index, "item": self.document()})

    def document(self) -> dict[str, Any]:
        """The item as it stands."""
        return items.reasoning_item(self._id, "".join(self._texts), self._signature, self._view, self._status)

    def add(self, text: str) -> None:
        """More of its text."""
        if not self._texts:
            part = items.reasoning_part("", self._view)
            self._writer.write(f"{self._part_event}.added", self._address | {"part": part})
        self._texts.append(text)
        self._writer.write_delta(self._template, text)

    def sign(self, signature: str) -> None:
        """The producer's signature, which ends the block."""
        self._signature = signature
        self.is_ended = True

    def close(self, ending: Ending, *, is_last: bool) -> None:
        """No more of this item."""
        if self._texts:
            text = "".join(self._texts)
            part = items.reasoning_part(text, self._view)
            self._writer.write(f"{self._text_event}.done", self._address | {"text": text})
            self._writer.write(f"{self._part_event}.done", self._address | {"part": part})
        self._status = items.reasoning_status(self._signature, ending, is_last=is_last)
        self._writer.write("response.output_item.done", {"output_index": self._index, "item": self.document()})
