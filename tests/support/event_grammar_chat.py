"""A strict judge of Chat Completions streams: fields of every chunk, order, numbering of calls, what an end may claim.

Knows nothing of the gateway. Stricter than the API's clients: it also refuses unknown fields.
"""

from __future__ import annotations

import json
from typing import Any, Literal

Document = dict[str, Any]
Ending = Literal["finished", "failed"]

CHUNK_FIELDS = {"id", "object", "created", "model", "system_fingerprint", "choices"}
CHOICE_FIELDS = {"index", "delta", "logprobs", "finish_reason"}
DELTA_FIELDS = {"role", "content", "refusal", "tool_calls", "reasoning", "reasoning_content", "annotations"}
FINISH_REASONS = {"stop", "length", "tool_calls", "content_filter"}
ERROR_FIELDS = {"message", "type", "param", "code"}
CUT = {"length", "content_filter"}
VALUE = {"function": "arguments", "custom": "input"}


class GrammarError(AssertionError):
    """The stream breaks a rule; the message says which."""


def judge(stream: bytes, *, include_usage: bool) -> Ending:
    """How the stream ended. Raises GrammarError; an unfinished stream is one too."""
    judging = _Judging(include_usage)
    for block in _blocks(stream):
        if block.startswith(b":"):
            require(b"\n" not in block, "a comment is one line")
            require(not judging.ended, "a comment after the end")
        elif block == b"data: [DONE]":
            judging.done()
        else:
            require(block.startswith(b"data: ") and b"\n" not in block, f"a block of one data line: {block[:60]!r}")
            judging.see(json.loads(block[6:]))
    require(judging.ended, "the stream stops without [DONE] or error")
    return judging.ending


def _blocks(stream: bytes) -> list[bytes]:
    if not stream:
        return []
    require(stream.endswith(b"\n\n"), "the last event is whole")
    return stream[:-2].split(b"\n\n")


def require(condition: bool, rule: str) -> None:
    if not condition:
        raise GrammarError(rule)


class _Judging:
    def __init__(self, include_usage: bool) -> None:
        self.include_usage = include_usage
        self.identity: Document | None = None
        self.calls: list[tuple[str, list[str]]] = []
        self.finish_reason: str | None = None
        self.usage_seen = False
        self.ended = False
        self.ending: Ending = "failed"

    def see(self, chunk: Document) -> None:
        require(not self.ended, "a chunk after the end")
        if "error" in chunk:
            self._error(chunk)
            return
        require(set(chunk) == CHUNK_FIELDS | ({"usage"} if self.include_usage else set()), f"fields: {sorted(chunk)}")
        identity = {name: chunk[name] for name in ("id", "object", "created", "model", "system_fingerprint")}
        require(identity["object"] == "chat.completion.chunk", "the object")
        require(identity["id"].startswith("chatcmpl-"), "the id")
        first = self.identity is None
        self.identity = self.identity or identity
        require(identity == self.identity, "one id, created and model over all chunks")
        if chunk["choices"] == []:
            self._usage(chunk)
        else:
            require(len(chunk["choices"]) == 1, "one choice")
            require(chunk.get("usage") is None, "usage comes alone")
            self._choice(chunk["choices"][0], first=first)

    def done(self) -> None:
        require(not self.ended, "a second end")
        require(self.finish_reason is not None, "[DONE] without a finish_reason")
        require(self.usage_seen == self.include_usage, "the usage chunk, if and only if it was asked for")
        self.ended, self.ending = True, "finished"

    def _choice(self, choice: Document, *, first: bool) -> None:
        require(set(choice) == CHOICE_FIELDS, f"fields of a choice: {sorted(choice)}")
        require(choice["index"] == 0, "the only choice")
        require(self.finish_reason is None, "a choice after its finish")
        delta = choice["delta"]
        require(set(delta) <= DELTA_FIELDS, f"fields of a delta: {sorted(delta)}")
        if first:
            require(delta == {"role": "assistant", "content": "", "refusal": None}, "the role comes first")
            return
        require("role" not in delta, "the role comes once")
        if choice["finish_reason"] is None:
            self._content(delta)
        else:
            self._finish(choice)

    def _content(self, delta: Document) -> None:
        require(bool(delta) and all(delta.values()), f"an empty delta: {delta}")
        require(delta.get("reasoning") == delta.get("reasoning_content"), "reasoning under both names")
        for part in delta.get("tool_calls", []):
            self._call(part)
        for annotation in delta.get("annotations", []):
            require(annotation["type"] == "url_citation", "a kind of annotation")
            require(set(annotation["url_citation"]) == {"start_index", "end_index", "title", "url"}, "a citation")

    def _call(self, part: Document) -> None:
        index = part["index"]
        require(index <= len(self.calls), f"call {index} after {len(self.calls)} calls")
        if index == len(self.calls):
            kind = part["type"]
            require(set(part) == {"index", "id", "type", kind}, f"fields of a call's first part: {sorted(part)}")
            require(set(part[kind]) == {"name", VALUE[kind]}, "name and value in the first part")
            require(part["id"] != "" and part[kind]["name"] != "", "id and name in the first part")
            require(part[kind][VALUE[kind]] == "", "the first part has no arguments")
            self.calls.append((kind, []))
        else:
            kind, fragments = self.calls[index]
            require(set(part) == {"index", kind}, f"fields of a call's later part: {sorted(part)}")
            require(set(part[kind]) == {VALUE[kind]} and part[kind][VALUE[kind]] != "", "a later part has arguments")
            fragments.append(part[kind][VALUE[kind]])

    def _finish(self, choice: Document) -> None:
        self.finish_reason = reason = choice["finish_reason"]
        require(reason in FINISH_REASONS, f"finish_reason {reason!r}")
        require(choice["delta"] == {} and choice["logprobs"] is None, "the finish stands alone")
        require(reason != "tool_calls" or bool(self.calls), "tool_calls without a call")
        require(reason != "stop" or not self.calls, "a call that ends the turn as if nothing was asked")
        if reason not in CUT:
            for kind, fragments in self.calls:
                require(kind == "custom" or isinstance(json.loads("".join(fragments)), dict), "a call has an object")

    def _usage(self, chunk: Document) -> None:
        require(self.include_usage and not self.usage_seen, "a usage chunk, once, where it was asked for")
        require(self.finish_reason is not None, "usage after the finish")
        judge_usage(chunk["usage"])
        self.usage_seen = True

    def _error(self, chunk: Document) -> None:
        require(set(chunk) == {"error"} and set(chunk["error"]) == ERROR_FIELDS, "fields of an error")
        require(chunk["error"]["message"] != "", "an error has a message")
        self.ended = True


def judge_usage(usage: Document) -> None:
    prompt, completion = usage["prompt_tokens"], usage["completion_tokens"]
    require(usage["total_tokens"] == prompt + completion, "the total")
    details = usage["prompt_tokens_details"]
    require(
        details["cached_tokens"] + details["cache_write_tokens"] <= prompt, "cached tokens are a part of the prompt"
    )
    reasoning = usage["completion_tokens_details"]["reasoning_tokens"]
    require(reasoning <= completion, "reasoning is a part of the completion")
