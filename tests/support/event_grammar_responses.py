"""A strict judge of Responses streams: order, numbers, ids, indexes, and that every piece adds up to the whole.

Knows nothing of the gateway. Stricter than the API's clients: it also refuses unknown fields and events.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

Document = dict[str, Any]

TERMINAL = {"response.completed": "completed", "response.incomplete": "incomplete", "response.failed": "failed"}
ID_PREFIX = {"message": "msg_", "reasoning": "rs_", "function_call": "fc_", "custom_tool_call": "ctc_"}
EMPTY_FIELDS = {"message": {"content"}, "reasoning": {"summary"}, "function_call": {"arguments"},
                "custom_tool_call": {"input"}}  # fmt: skip
USAGE_FIELDS = {"input_tokens", "input_tokens_details", "output_tokens", "output_tokens_details", "total_tokens"}
CHANGING_FIELDS = {"status", "output", "usage", "error", "incomplete_details", "completed_at"}
PART_ADDRESS = {"item_id", "output_index", "content_index"}
SUMMARY_ADDRESS = {"item_id", "output_index", "summary_index"}
ITEM_ADDRESS = {"item_id", "output_index"}


class GrammarError(AssertionError):
    """The stream breaks a rule; the message says which, and at which event."""


@dataclass
class Part:
    kind: str
    deltas: list[str] = field(default_factory=list)
    logprobs: list[Any] = field(default_factory=list)
    annotations: list[Any] = field(default_factory=list)
    is_done: bool = False

    @property
    def text(self) -> str:
        return "".join(self.deltas)


@dataclass
class Item:
    added: Document
    parts: list[Document] = field(default_factory=list)
    open_part: Part | None = None
    deltas: list[str] = field(default_factory=list)
    content_is_done: bool = False
    done: Document | None = None

    @property
    def is_call(self) -> bool:
        return self.added["type"] in ("function_call", "custom_tool_call")

    @property
    def content_field(self) -> str:
        return "arguments" if self.added["type"] == "function_call" else "input"


def read_events(stream: bytes) -> list[Document]:
    """The data of each event; two lines each, the name equal to the type."""
    if stream and not stream.endswith(b"\n\n"):
        raise GrammarError("the stream ends inside an event")
    return [_read_event(block) for block in stream.decode().split("\n\n")[:-1]]


def _read_event(block: str) -> Document:
    lines = block.split("\n")
    if len(lines) != 2 or not lines[0].startswith("event: ") or not lines[1].startswith("data: "):
        raise GrammarError(f"not one `event:` and one `data:` line: {block[:200]!r}")
    data = json.loads(lines[1].removeprefix("data: "))
    if not isinstance(data, dict) or data.get("type") != lines[0].removeprefix("event: "):
        raise GrammarError(f"event name and type differ: {block[:200]!r}")
    return data


def judge(stream: bytes) -> Document:
    """The final response of a whole stream. Raises GrammarError."""
    grammar = ResponsesGrammar()
    for event in read_events(stream):
        grammar.add(event)
    _need(grammar.final is not None, "the stream has no terminal event")
    assert grammar.final is not None
    return grammar.final


def _need(condition: object, rule: str) -> None:
    if not condition:
        raise GrammarError(rule)


class ResponsesGrammar:
    """Events one by one; `final` is the terminal event's response."""

    def __init__(self) -> None:
        self.count = 0
        self.created: Document | None = None
        self.in_progress = False
        self.items: list[Item] = []
        self.final: Document | None = None

    def add(self, event: Document) -> None:
        try:
            self._add(event)
        except (GrammarError, KeyError, IndexError, TypeError) as error:
            raise GrammarError(f"event {self.count} ({event.get('type')}): {error!r}") from error
        self.count += 1

    def _add(self, event: Document) -> None:
        kind = event["type"]
        _need(self.final is None, "nothing may come after the terminal event")
        _need(event["sequence_number"] == self.count, f"sequence_number is {event['sequence_number']}")
        fields = {name: value for name, value in event.items() if name not in ("type", "sequence_number")}
        if self.created is None:
            _need(kind == "response.created", "response.created comes first")
        elif not self.in_progress:
            _need(kind == "response.in_progress", "response.in_progress comes second")
        if kind in TERMINAL:
            self._end(TERMINAL[kind], self._only(fields, {"response"})["response"])
            return
        method = getattr(self, "_on_" + kind.removeprefix("response.").replace(".", "_"), None)
        _need(method is not None, "no such event")
        assert method is not None
        method(fields)

    @staticmethod
    def _only(fields: Document, names: set[str]) -> Document:
        _need(set(fields) == names, f"fields are {sorted(fields)}, not {sorted(names)}")
        return fields

    def _on_keepalive(self, fields: Document) -> None:
        self._only(fields, set())

    def _on_created(self, fields: Document) -> None:
        _need(self.created is None, "a second response.created")
        self.created = self._only(fields, {"response"})["response"]
        self._check_beginning(self.created)

    def _on_in_progress(self, fields: Document) -> None:
        _need(not self.in_progress, "a second response.in_progress")
        self.in_progress = True
        _need(self._only(fields, {"response"})["response"] == self.created, "differs from response.created")

    @staticmethod
    def _check_beginning(response: Document) -> None:
        _need(response["id"].startswith("resp_") and response["object"] == "response", "no response object")
        _need(response["status"] == "in_progress", "a response begins in_progress")
        for name in ("usage", "error", "incomplete_details", "completed_at"):
            _need(response[name] is None, f"{name} before the end")
        _need(response["output"] == [], "output before the end")

    def _on_output_item_added(self, fields: Document) -> None:
        item = self._only(fields, {"output_index", "item"})["item"]
        kind = item["type"]
        _need(fields["output_index"] == len(self.items), "output_index is not the next one")
        _need(item["id"].startswith(ID_PREFIX[kind]), "the id's prefix doesn't fit the item")
        _need(item["id"] not in [other.added["id"] for other in self.items], "an item id used twice")
        _need(item["status"] == "in_progress", "an item begins in_progress")
        _need(not any(item[name] for name in EMPTY_FIELDS[kind]), "an item begins empty")
        _need(all(other.is_call or other.done for other in self.items), "a message or reasoning item is still open")
        self.items.append(Item(item))
        if self.items[-1].is_call:
            _need(item["call_id"] and item["name"], "a call without call_id or name")
            ids = [other.added["call_id"] for other in self.items if other.is_call]
            _need(len(ids) == len(set(ids)), "a call_id used twice")

    def _item(self, fields: Document) -> Item:
        item = self.items[fields["output_index"]]
        _need(item.done is None, "the item is done already")
        if "item_id" in fields:
            _need(item.added["id"] == fields["item_id"], "item_id and output_index are of different items")
        return item

    def _begin_part(self, fields: Document, index_name: str, kinds: dict[str, str]) -> None:
        item, part = self._item(fields), fields["part"]
        _need(item.added["type"] == kinds[part["type"]], "a part in the wrong item")
        _need(item.open_part is None, "the part before is still open")
        _need(fields[index_name] == len(item.parts), f"{index_name} is not the next one")
        _need(not (part.get("text") or part.get("refusal")), "a part begins empty")
        item.open_part = Part(part["type"])

    def _on_content_part_added(self, fields: Document) -> None:
        kinds = {"output_text": "message", "refusal": "message", "reasoning_text": "reasoning"}
        self._begin_part(self._only(fields, PART_ADDRESS | {"part"}), "content_index", kinds)

    def _on_reasoning_summary_part_added(self, fields: Document) -> None:
        self._begin_part(self._only(fields, SUMMARY_ADDRESS | {"part"}), "summary_index", {"summary_text": "reasoning"})

    def _part(self, fields: Document, kind: str, index_name: str = "content_index") -> Part:
        item = self._item(fields)
        _need(item.open_part is not None, "no part is open")
        assert item.open_part is not None
        _need(item.open_part.kind == kind, f"the open part is {item.open_part.kind}")
        _need(fields[index_name] == len(item.parts), f"{index_name} is not the open part's")
        return item.open_part

    def _add_delta(self, part: Part, delta: str) -> None:
        _need(delta != "", "an empty delta")
        _need(not part.is_done and not part.annotations, "a delta after the end of its text")
        part.deltas.append(delta)

    def _on_output_text_delta(self, fields: Document) -> None:
        part = self._part(self._only(fields, PART_ADDRESS | {"delta", "logprobs"}), "output_text")
        self._add_delta(part, fields["delta"])
        part.logprobs += fields["logprobs"]

    def _on_refusal_delta(self, fields: Document) -> None:
        self._add_delta(self._part(self._only(fields, PART_ADDRESS | {"delta"}), "refusal"), fields["delta"])

    def _on_reasoning_text_delta(self, fields: Document) -> None:
        self._add_delta(self._part(self._only(fields, PART_ADDRESS | {"delta"}), "reasoning_text"), fields["delta"])

    def _on_reasoning_summary_text_delta(self, fields: Document) -> None:
        part = self._part(self._only(fields, SUMMARY_ADDRESS | {"delta"}), "summary_text", "summary_index")
        self._add_delta(part, fields["delta"])

    def _on_output_text_annotation_added(self, fields: Document) -> None:
        part = self._part(self._only(fields, PART_ADDRESS | {"annotation_index", "annotation"}), "output_text")
        _need(not part.is_done, "an annotation after the end of its text")
        _need(fields["annotation_index"] == len(part.annotations), "annotation_index is not the next one")
        annotation = fields["annotation"]
        _need(0 <= annotation["start_index"] <= annotation["end_index"] <= len(part.text), "annotates beyond the text")
        part.annotations.append(annotation)

    def _finish_text(self, part: Part, text: str) -> None:
        _need(not part.is_done, "a text done twice")
        _need(text == part.text, "the whole text is not the sum of its deltas")
        part.is_done = True

    def _on_output_text_done(self, fields: Document) -> None:
        part = self._part(self._only(fields, PART_ADDRESS | {"text", "logprobs"}), "output_text")
        _need(fields["logprobs"] == part.logprobs, "the logprobs are not the sum of the deltas'")
        self._finish_text(part, fields["text"])

    def _on_refusal_done(self, fields: Document) -> None:
        part = self._part(self._only(fields, PART_ADDRESS | {"refusal"}), "refusal")
        self._finish_text(part, fields["refusal"])

    def _on_reasoning_text_done(self, fields: Document) -> None:
        self._finish_text(self._part(self._only(fields, PART_ADDRESS | {"text"}), "reasoning_text"), fields["text"])

    def _on_reasoning_summary_text_done(self, fields: Document) -> None:
        part = self._part(self._only(fields, SUMMARY_ADDRESS | {"text"}), "summary_text", "summary_index")
        self._finish_text(part, fields["text"])

    def _end_part(self, fields: Document, index_name: str) -> None:
        part = self._part(fields, fields["part"]["type"], index_name)
        _need(part.is_done, "a part ends before its text")
        expected: Document = {"type": part.kind, "refusal" if part.kind == "refusal" else "text": part.text}
        if part.kind == "output_text":
            expected |= {"annotations": part.annotations, "logprobs": part.logprobs}
        _need(fields["part"] == expected, "the part is not what was streamed")
        item = self._item(fields)
        item.parts.append(fields["part"])
        item.open_part = None

    def _on_content_part_done(self, fields: Document) -> None:
        self._end_part(self._only(fields, PART_ADDRESS | {"part"}), "content_index")

    def _on_reasoning_summary_part_done(self, fields: Document) -> None:
        self._end_part(self._only(fields, SUMMARY_ADDRESS | {"part"}), "summary_index")

    def _call(self, fields: Document, kind: str) -> Item:
        item = self._item(fields)
        _need(item.added["type"] == kind, f"the item is a {item.added['type']}")
        _need(not item.content_is_done, "the call's content is done already")
        return item

    def _add_to_call(self, fields: Document, kind: str) -> None:
        item = self._call(self._only(fields, ITEM_ADDRESS | {"delta"}), kind)
        _need(fields["delta"] != "", "an empty delta")
        item.deltas.append(fields["delta"])

    def _finish_content(self, fields: Document, kind: str) -> None:
        item = self._call(fields, kind)
        self._only(fields, ITEM_ADDRESS | {item.content_field})
        _need(fields[item.content_field] == "".join(item.deltas), "the whole content is not the sum of its deltas")
        item.content_is_done = True

    def _on_function_call_arguments_delta(self, fields: Document) -> None:
        self._add_to_call(fields, "function_call")

    def _on_function_call_arguments_done(self, fields: Document) -> None:
        self._finish_content(fields, "function_call")

    def _on_custom_tool_call_input_delta(self, fields: Document) -> None:
        self._add_to_call(fields, "custom_tool_call")

    def _on_custom_tool_call_input_done(self, fields: Document) -> None:
        self._finish_content(fields, "custom_tool_call")

    def _on_output_item_done(self, fields: Document) -> None:
        done = self._only(fields, {"output_index", "item"})["item"]
        item = self._item(fields)
        _need(item.open_part is None, "an item ends before its part")
        _need(done["status"] in ("completed", "incomplete"), "an item ends completed or incomplete")
        self._check_item(item, done)
        if item.is_call:
            _need(item.content_is_done == (done["status"] == "completed"), "only a completed call's content is done")
        item.done = done

    @staticmethod
    def _check_item(item: Item, document: Document) -> None:
        """That the document is the item that was added, with exactly what was streamed since."""
        expected = item.added | {"status": document["status"]}
        if item.is_call:
            expected[item.content_field] = "".join(item.deltas)
        elif item.added["type"] == "message":
            expected["content"] = item.parts
        else:
            is_summary = bool(item.parts) and item.parts[0]["type"] == "summary_text"
            expected["summary" if is_summary else "content"] = item.parts
            if not item.parts and "content" not in item.added:
                del expected["content"]
            if "encrypted_content" in item.added:
                expected["encrypted_content"] = document["encrypted_content"]
                _need(document["encrypted_content"], "encrypted_content is empty at the end")
        _need(document == expected, f"the item is not what was streamed: {document} != {expected}")

    def _end(self, status: str, response: Document) -> None:
        assert self.created is not None
        _need(response["status"] == status, "status and event differ")
        _need(set(response) == set(self.created), "other fields than at the beginning")
        for name in set(response) - CHANGING_FIELDS:
            _need(response[name] == self.created[name], f"{name} changed")
        self._check_reasons(status, response)
        self._check_usage(status, response["usage"])
        self._check_output(status, response["output"])
        self.final = response

    @staticmethod
    def _check_reasons(status: str, response: Document) -> None:
        _need((response["error"] is not None) == (status == "failed"), "error is there if and only if it failed")
        if status == "failed":
            _need(response["error"]["code"] and response["error"]["message"], "error without code or message")
        details = response["incomplete_details"]
        _need((details is not None) == (status == "incomplete"), "incomplete_details fit the status")
        if details is not None:
            _need(details["reason"] in ("max_output_tokens", "content_filter"), "unknown reason")

    @staticmethod
    def _check_usage(status: str, usage: Document | None) -> None:
        if usage is None:
            _need(status == "failed", "usage is missing")
            return
        _need(set(usage) == USAGE_FIELDS, "usage lacks details")
        _need(set(usage["input_tokens_details"]) == {"cached_tokens", "cache_write_tokens"}, "input details")
        _need(set(usage["output_tokens_details"]) == {"reasoning_tokens"}, "output details")
        _need(usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"], "total_tokens is no sum")

    def _check_output(self, status: str, output: list[Document]) -> None:
        _need(len(output) == len(self.items), "output has another number of items")
        for item, document in zip(self.items, output, strict=True):
            if item.done is not None:
                _need(document == item.done, "an item changed after it was done")
                _need(status != "completed" or document["status"] == "completed", "completed with an unfinished item")
                continue
            _need(item.is_call and status != "completed", "only a call that broke off may be left open")
            _need(not item.content_is_done and document["status"] == "incomplete", "an open call is incomplete")
            self._check_item(item, document)
