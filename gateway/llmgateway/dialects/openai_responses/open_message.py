"""A message of a stream while it is being written: its parts come one after the other."""

from __future__ import annotations

from typing import Any, Literal

from llmgateway.dialects.openai_responses import items
from llmgateway.dialects.openai_responses.event_writer import DeltaTemplate, EventWriter
from llmgateway.dialects.openai_responses.items import Ending, ItemStatus, View
from llmgateway.events import Citation
from llmgateway.wire import json_codec

PartKind = Literal["output_text", "refusal"]

_NO_LOGPROBS = b',"logprobs":[]}\n\n'


class OpenPart:
    """One content part and the events about it."""

    def __init__(self, writer: EventWriter, kind: PartKind, address: dict[str, Any]) -> None:
        self.kind = kind
        self._writer = writer
        self._address = address
        self._texts: list[str] = []
        self._citations: list[Citation] = []
        self._logprobs: list[Any] = []
        self._template = DeltaTemplate(f"response.{kind}.delta", address)
        writer.write("response.content_part.added", address | {"part": self.document()})

    @property
    def text(self) -> str:
        return "".join(self._texts)

    def document(self) -> dict[str, Any]:
        """The part as it stands."""
        if self.kind == "refusal":
            return items.refusal_part(self.text)
        return items.text_part(self.text, items.annotations_of(self._citations, self.text), self._logprobs)

    def add(self, text: str, logprobs: Any = None) -> None:
        """More of its text."""
        self._texts.append(text)
        if self.kind == "refusal":
            self._writer.write_delta(self._template, text)
        elif logprobs is None:
            self._writer.write_delta(self._template, text, _NO_LOGPROBS)
        else:
            entries = items.logprobs_of(logprobs)
            self._logprobs += entries
            self._writer.write_delta(self._template, text, b',"logprobs":%b}\n\n' % json_codec.encode(entries))

    def cite(self, citation: Citation) -> None:
        """Told when the part ends: only then is the extent of the cited text known."""
        self._citations.append(citation)

    def close(self) -> dict[str, Any]:
        """The finished part, after the events that finish it."""
        part = self.document()
        for index, annotation in enumerate(part.get("annotations", ())):
            fields = {"annotation_index": index, "annotation": annotation}
            self._writer.write("response.output_text.annotation.added", self._address | fields)
        content = {"refusal": self.text} if self.kind == "refusal" else {"text": self.text, "logprobs": self._logprobs}
        self._writer.write(f"response.{self.kind}.done", self._address | content)
        self._writer.write("response.content_part.done", self._address | {"part": part})
        return part


class OpenMessage:
    """The message around the parts."""

    def __init__(self, writer: EventWriter, identifier: str, output_index: int, view: View) -> None:
        self._writer = writer
        self._id = identifier
        self._index = output_index
        self._view = view
        self._status: ItemStatus = "in_progress"
        self._part: OpenPart | None = None
        self._parts: list[dict[str, Any]] = []
        writer.write("response.output_item.added", {"output_index": output_index, "item": self.document()})

    def document(self) -> dict[str, Any]:
        """The item as it stands."""
        parts = [*self._parts, self._part.document()] if self._part else self._parts
        return items.message_item(self._id, parts, self._status)

    def part(self, kind: PartKind) -> OpenPart:
        """The open part of this kind; one of the other kind is closed for it."""
        if self._part is None or self._part.kind != kind:
            self.close_part()
            address = {"item_id": self._id, "output_index": self._index, "content_index": len(self._parts)}
            self._part = OpenPart(self._writer, kind, address)
        return self._part

    def close_part(self) -> None:
        """What follows is a new part."""
        if self._part is None:
            return
        closed, self._part = self._part, None
        self._parts.append(closed.close())
        if closed.kind == "refusal" and self._view.refusal_as_text:
            self.part("output_text").add(closed.text)
            self.close_part()

    def close(self, ending: Ending, *, is_last: bool) -> None:
        """No more of this message."""
        self.close_part()
        self._status = items.text_status(ending, is_last=is_last)
        self._writer.write("response.output_item.done", {"output_index": self._index, "item": self.document()})
