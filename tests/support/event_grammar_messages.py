"""A strict judge of Anthropic Messages streams: order, indexes, block kinds, and what each ending may claim.

Knows nothing of the gateway. Stricter than the API's clients: it also refuses unknown fields and events.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, Literal

Document = dict[str, Any]
Ending = Literal["finished", "failed"]

STOP_REASONS = {"end_turn", "max_tokens", "stop_sequence", "tool_use", "pause_turn", "refusal",
                "model_context_window_exceeded"}  # fmt: skip
CUT = {"max_tokens", "model_context_window_exceeded", "refusal"}
ERROR_TYPES = {"invalid_request_error", "authentication_error", "billing_error", "permission_error", "not_found_error",
               "conflict_error", "request_too_large", "rate_limit_error", "api_error", "timeout_error",
               "overloaded_error"}  # fmt: skip
USAGE_FIELDS = {"input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"}
MESSAGE_FIELDS = {"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "stop_details", "usage"}
DELTAS = {
    "text": {"text_delta": "text", "citations_delta": "citation"},
    "thinking": {"thinking_delta": "thinking", "signature_delta": "signature"},
    "tool_use": {"input_json_delta": "partial_json"},
    "server_tool_use": {"input_json_delta": "partial_json"},
}
EMPTY_BLOCK: dict[str, Document] = {
    "text": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
}
FRAME = re.compile(rb"event: ([a-z_]+)\ndata: ([^\n\r]+)\n\n")


class GrammarError(AssertionError):
    """The stream breaks a rule; the message says which."""


@dataclass
class Block:
    kind: str
    deltas: list[Document] = field(default_factory=list)

    @property
    def arguments(self) -> str:
        return "".join(delta.get("partial_json", "") for delta in self.deltas)


def judge(stream: bytes) -> Ending:
    """How the stream ended. Raises GrammarError; an unfinished stream is one too."""
    judging = _Judging()
    for event in read_events(stream):
        judging.see(event)
    return judging.end()


def read_events(stream: bytes) -> list[Document]:
    """The data of each event; nothing but whole events named like their data's type may stand in the stream."""
    events: list[Document] = []
    position = 0
    while position < len(stream):
        frame = FRAME.match(stream, position)
        require(frame is not None, f"no event at {stream[position : position + 60]!r}")
        assert frame is not None
        document = json.loads(frame[2])
        require(document["type"] == frame[1].decode(), f"event name {frame[1]!r} over {document['type']!r}")
        events.append(document)
        position = frame.end()
    return events


def require(condition: bool, rule: str) -> None:
    if not condition:
        raise GrammarError(rule)


class _Judging:
    def __init__(self) -> None:
        self.started = False
        self.open: Block | None = None
        self.blocks: list[Block] = []
        self.call_ids: set[str] = set()
        self.stop_reason: str | None = None
        self.ending: Ending | None = None

    def see(self, event: Document) -> None:
        kind = event["type"]
        require(self.ending is None, f"{kind} after the end")
        require(self.started or kind in ("ping", "message_start", "error"), f"{kind} before message_start")
        require(self.stop_reason is None or kind in ("message_stop", "ping"), f"{kind} after message_delta")
        rule = getattr(self, f"_{kind}", None)
        require(rule is not None, f"unknown event {kind}")
        assert rule is not None
        rule(event)

    def end(self) -> Ending:
        require(self.ending is not None, "the stream stops without message_stop or error")
        assert self.ending is not None
        return self.ending

    def _ping(self, event: Document) -> None:
        require(event == {"type": "ping"}, "a ping says nothing")

    def _message_start(self, event: Document) -> None:
        require(not self.started, "a second message_start")
        self.started = True
        message = event["message"]
        require(set(message) == MESSAGE_FIELDS, f"fields of message_start: {sorted(message)}")
        require(message["id"].startswith("msg_") and len(message["id"]) > 4, "a message id")
        require(message["type"] == "message" and message["role"] == "assistant", "type and role")
        require(isinstance(message["model"], str) and message["model"] != "", "a model")
        require(message["content"] == [], "no content at the start")
        empty = (message["stop_reason"], message["stop_sequence"], message["stop_details"])
        require(empty == (None, None, None), "nothing has stopped at the start")
        judge_usage(message["usage"])

    def _content_block_start(self, event: Document) -> None:
        require(set(event) == {"type", "index", "content_block"}, "fields of content_block_start")
        require(self.open is None, "a block inside a block")
        require(event["index"] == len(self.blocks), f"index {event['index']} instead of {len(self.blocks)}")
        block = event["content_block"]
        kind = block["type"]
        if kind in EMPTY_BLOCK:
            require(block == EMPTY_BLOCK[kind], f"a {kind} block starts empty")
        elif kind == "tool_use":
            require(set(block) == {"type", "id", "name", "input"}, "fields of tool_use")
            require(block["input"] == {}, "tool_use starts with input {}")
            require(re.fullmatch(r"[A-Za-z0-9_-]+", block["id"]) is not None, f"tool id {block['id']!r}")
            require(block["id"] not in self.call_ids, "tool ids are unique")
            require(isinstance(block["name"], str) and block["name"] != "", "a tool has a name")
            self.call_ids.add(block["id"])
        self.open = Block(kind)
        self.blocks.append(self.open)

    def _content_block_delta(self, event: Document) -> None:
        require(set(event) == {"type", "index", "delta"}, "fields of content_block_delta")
        require(self.open is not None and event["index"] == len(self.blocks) - 1, "a delta of a block that is not open")
        assert self.open is not None
        delta = event["delta"]
        named = DELTAS.get(self.open.kind, {}).get(delta["type"])
        require(named is not None, f"{delta['type']} in a {self.open.kind} block")
        require(set(delta) == {"type", named}, f"fields of {delta['type']}")
        require(bool(delta[str(named)]), f"an empty {delta['type']}")
        before = [seen["type"] for seen in self.open.deltas]
        require("signature_delta" not in before, "a signature is the last delta of its block")
        self.open.deltas.append(delta)

    def _content_block_stop(self, event: Document) -> None:
        require(set(event) == {"type", "index"}, "fields of content_block_stop")
        require(self.open is not None and event["index"] == len(self.blocks) - 1, "a stop of a block that is not open")
        assert self.open is not None
        if self.open.kind == "thinking":
            signed = bool(self.open.deltas) and self.open.deltas[-1]["type"] == "signature_delta"
            require(signed, "a thinking block ends with its signature")
        self.open = None

    def _message_delta(self, event: Document) -> None:
        require(set(event) == {"type", "delta", "usage"}, "fields of message_delta")
        require(self.open is None, "message_delta inside a block")
        judge_usage(event["usage"])
        judge_ending(event["delta"], [(block.kind, block.arguments) for block in self.blocks])
        self.stop_reason = event["delta"]["stop_reason"]

    def _message_stop(self, event: Document) -> None:
        require(event == {"type": "message_stop"}, "message_stop says nothing")
        require(self.stop_reason is not None, "message_stop without message_delta")
        self.ending = "finished"

    def _error(self, event: Document) -> None:
        require(set(event) == {"type", "error"}, "fields of error")
        require(set(event["error"]) == {"type", "message"}, "fields of the error")
        require(event["error"]["type"] in ERROR_TYPES, f"error type {event['error']['type']!r}")
        require(event["error"]["message"] != "", "an error has a message")
        cut_call = self.open is not None and self.open.kind == "tool_use"  # its stop would present it as finished
        require(self.open is None or cut_call, "an error inside an open block")
        self.ending = "failed"


def judge_usage(usage: Document) -> None:
    require(USAGE_FIELDS <= set(usage) <= USAGE_FIELDS | {"output_tokens_details"}, f"fields of usage: {sorted(usage)}")
    for name in USAGE_FIELDS:
        require(type(usage[name]) is int and usage[name] >= 0, f"{name} is a count")
    if "output_tokens_details" in usage:
        thinking = usage["output_tokens_details"]["thinking_tokens"]
        require(0 < thinking <= usage["output_tokens"], "thinking is a part of the output")


def judge_ending(delta: Document, blocks: list[tuple[str, str]]) -> None:
    """`stop_reason` and its company, against the blocks (kind, JSON text of the input)."""
    require(set(delta) - {"stop_details"} == {"stop_reason", "stop_sequence"}, f"fields of the ending: {sorted(delta)}")
    reason = delta["stop_reason"]
    require(reason in STOP_REASONS, f"stop_reason {reason!r}")
    require((delta["stop_sequence"] is not None) == (reason == "stop_sequence"), "a stop_sequence names itself")
    require((delta.get("stop_details") is not None) == (reason == "refusal"), "only a refusal has details")
    calls = [arguments for kind, arguments in blocks if kind == "tool_use"]
    require(reason != "tool_use" or bool(calls), "tool_use without a call")
    require(reason != "end_turn" or not calls, "a call that ends the turn as if nothing was asked")
    if reason not in CUT:
        for arguments in calls:
            require(arguments == "" or isinstance(json.loads(arguments), dict), "a finished call has an object")
