"""Events -> chat completion chunks.

The hot path builds no dictionaries: what is the same in every chunk is bytes made once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llmgateway.dialects import openai_envelope, tool_arguments
from llmgateway.dialects.openai_chat.message_parts import FINISH_REASON, call_id, client_tool, url_citations
from llmgateway.dialects.openai_chat.usage import usage_object
from llmgateway.dialects.reply import Reply, text_deltas
from llmgateway.events import (
    BlockClosed,
    Citation,
    Event,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
    ToolArgumentsDelta,
    ToolCallFinished,
    ToolCallStarted,
    TurnFailed,
    TurnFinished,
    TurnStarted,
    Usage,
    UsageReported,
)
from llmgateway.wire.json_codec import decode, encode
from llmgateway.wire.text_splice import framed

KEEP_ALIVE = b": keepalive\n\n"
DONE = b"data: [DONE]\n\n"


class _Call:
    """A call that was told to the client; a custom one is held back until its input is whole."""

    __slots__ = ("custom", "finished", "fragments", "head")

    def __init__(self, custom: bool, head: bytes) -> None:
        self.custom = custom
        self.head = head
        self.fragments: list[str] = []
        self.finished = False


class ChatStreamEncoder:
    """One client stream: role chunk, deltas, finish chunk, usage chunk where it was asked for, `[DONE]`."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        chunk = {
            "id": f"chatcmpl-{reply.id}",
            "object": "chat.completion.chunk",
            "created": reply.created,
            "model": reply.model,
            "system_fingerprint": None,
        }
        self._chunk = b"data: " + encode(chunk)[:-1] + b',"choices":['
        self._head = self._chunk + b'{"index":0,"delta":{'
        usage = b',"usage":null' if reply.include_usage else b""
        self._end = b"]" + usage + b"}\n\n"
        self._tail = b'},"logprobs":null,"finish_reason":null}' + self._end
        self._text_head = self._head + b'"content":'
        self._usage: Usage | None = None
        self._calls: dict[int, _Call] = {}
        self._citations: list[Citation] = []
        self._length = 0  # characters of content so far but for `_unread`, and where its current block began
        self._unread: list[bytes] = []
        self._block_start = 0
        self._refused = False
        self._started = False
        self._ended = False

    def encode(self, events: Sequence[Event]) -> bytes:
        """All events of one upstream read in one piece of bytes (may be empty)."""
        if self._ended or not events:
            return b""
        pieces: list[bytes] = []
        if not self._started and type(events[0]) is not TurnFailed:
            self._started = True
            pieces.append(self._delta(b'"role":"assistant","content":"","refusal":null'))
        for event in events:
            if type(event) is TextDelta and event.logprobs is None:
                self._length += len(event.text)
                pieces.append(self._text_head + encode(event.text) + self._tail)
            elif (handler := _HANDLERS.get(type(event))) is not None:
                pieces.append(handler(self, event))
        return b"".join(pieces)

    def pass_texts(self, insides: bytes) -> bytes:
        """A chunk each; nothing reads them unless they are cited."""
        if self._ended or not self._started:
            return self.encode(text_deltas(insides))
        self._unread.append(insides)
        return framed(insides, self._text_head + b'"', b'"' + self._tail)

    def keep_alive(self) -> bytes:
        """A comment: clients skip it, proxies see a byte."""
        return KEEP_ALIVE

    def _delta(self, fields: bytes) -> bytes:
        return self._head + fields + self._tail

    def _text(self, event: TextDelta) -> bytes:
        """Text with logprobs."""
        self._length += len(event.text)
        logprobs = b'},"logprobs":' + encode(event.logprobs) + b',"finish_reason":null}'
        return self._text_head + encode(event.text) + logprobs + self._end

    def _refusal(self, event: RefusalDelta) -> bytes:
        self._refused = True
        return self._delta(b'"refusal":' + encode(event.text))

    def _reasoning(self, event: ReasoningDelta) -> bytes:
        """Under both names that clients read."""
        text = encode(event.text)
        return self._delta(b'"reasoning_content":' + text + b',"reasoning":' + text)

    def _call_started(self, event: ToolCallStarted) -> bytes:
        closed = self._closed(event)
        tool = client_tool(self._reply, event.name)
        head = b'"tool_calls":[{"index":%d,' % event.index
        call = self._calls[event.index] = _Call(tool.kind == "custom", head)
        kind, value = ("custom", "input") if call.custom else ("function", "arguments")
        opening = {
            "id": call_id(self._reply, event.index, event.id),
            "type": kind,
            kind: {"name": tool.name, value: ""},
        }
        return closed + self._delta(head + encode(opening)[1:] + b"]")

    def _arguments(self, event: ToolArgumentsDelta) -> bytes:
        call = self._calls[event.index]
        call.fragments.append(event.fragment)
        return b"" if call.custom else self._more(call, event.fragment)

    def _more(self, call: _Call, text: str) -> bytes:
        opening = b'"custom":{"input":' if call.custom else b'"function":{"arguments":'
        return self._delta(call.head + opening + encode(text) + b"}}]")

    def _call_finished(self, event: ToolCallFinished) -> bytes:
        return self._complete(self._calls[event.index])

    def _complete(self, call: _Call) -> bytes:
        """What is due once the arguments are whole: {} for none, the input of a custom tool."""
        if call.finished:
            return b""
        call.finished = True
        if call.custom:
            text = tool_arguments.freeform_input("".join(call.fragments))
            return self._more(call, text) if text else b""
        return b"" if call.fragments else self._more(call, "{}")

    def _cite(self, event: Citation) -> bytes:
        self._citations.append(event)
        return b""

    def _closed(self, _: BlockClosed | ToolCallStarted | TurnFinished) -> bytes:
        """A text block ended: its sources are told, with the characters that they stand behind."""
        self._length += len(decode(b'"' + b"".join(self._unread).replace(b"\n", b"") + b'"'))
        self._unread.clear()
        found = url_citations(self._citations, self._block_start, self._length)
        self._citations = []
        self._block_start = self._length
        return self._delta(b'"annotations":' + encode(found)) if found else b""

    def _usage_reported(self, event: UsageReported) -> bytes:
        self._usage = event.usage
        return b""

    def _turn_started(self, event: TurnStarted) -> bytes:
        self._usage = event.usage
        return b""

    def _finished(self, event: TurnFinished) -> bytes:
        self._ended = True
        pieces = [self._closed(event)]
        if event.reason not in ("length", "context_window"):
            pieces += [self._complete(call) for call in self._calls.values()]
        if event.reason == "refusal" and event.explanation and not self._refused:
            pieces.append(self._delta(b'"refusal":' + encode(event.explanation)))
        reason = FINISH_REASON[event.reason].encode()
        pieces.append(self._head + b'},"logprobs":null,"finish_reason":"' + reason + b'"}' + self._end)
        if self._reply.include_usage:
            usage = self._usage or Usage(self._reply.input_tokens)
            pieces.append(self._chunk + b'],"usage":' + encode(usage_object(usage)) + b"}\n\n")
        return b"".join(pieces) + DONE

    def _failed(self, event: TurnFailed) -> bytes:
        """One error chunk and the end, without `[DONE]`: nobody may take this for a whole answer."""
        self._ended = True
        return b"data: " + encode({"error": openai_envelope.error_object(event.failure)}) + b"\n\n"


_HANDLERS: dict[type, Callable[[ChatStreamEncoder, Any], bytes]] = {
    TextDelta: ChatStreamEncoder._text,
    RefusalDelta: ChatStreamEncoder._refusal,
    ReasoningDelta: ChatStreamEncoder._reasoning,
    ToolCallStarted: ChatStreamEncoder._call_started,
    ToolArgumentsDelta: ChatStreamEncoder._arguments,
    ToolCallFinished: ChatStreamEncoder._call_finished,
    Citation: ChatStreamEncoder._cite,
    BlockClosed: ChatStreamEncoder._closed,
    UsageReported: ChatStreamEncoder._usage_reported,
    TurnStarted: ChatStreamEncoder._turn_started,
    TurnFinished: ChatStreamEncoder._finished,
    TurnFailed: ChatStreamEncoder._failed,
}
"""Signatures, redacted reasoning and opaque blocks have no place in this dialect."""
