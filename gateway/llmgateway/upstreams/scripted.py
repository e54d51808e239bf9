"""The built-in upstream: speaks Chat Completions, needs no network and no key, always says the same to the same.

It serves the first `curl`, examples and tests. What it does is decided by the conversation alone:
- the last message is a tool's result -> it repeats the result;
- tools are offered and `tool_choice` demands one, or the last user text says "call the tool NAME" -> it calls that
  tool, with arguments made from its schema;
- otherwise it answers with a sentence that quotes the last user text.
The model `scripted-slow` pauses between tokens, as a model on a small machine does.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from typing import Any

from llmgateway.upstreams.port import UpstreamAnswer, UpstreamRequest
from llmgateway.wire import json_codec

MODEL = "scripted"
SLOW_MODEL = "scripted-slow"
SLOW_PAUSE = 0.05
"""Seconds between two tokens of SLOW_MODEL."""
CREATED = 1_767_225_600  # 2026-01-01: nothing here reads a clock


class ScriptedTransport:
    """The same seam as a real backend's, answered in process."""

    async def send(self, request: UpstreamRequest) -> UpstreamAnswer:
        """Answers any chat completion request."""
        document = json_codec.decode(request.body)
        answer = answer_to(document)
        if document.get("stream"):
            pieces = [_event(chunk) for chunk in chunks_of(answer)] + [b"data: [DONE]\n\n"]
            pause = SLOW_PAUSE if document.get("model") == SLOW_MODEL else 0.0
            return ScriptedAnswer("text/event-stream", pieces, pause)
        return ScriptedAnswer("application/json", [json_codec.encode(answer)], 0.0)

    async def get(self, request: UpstreamRequest) -> UpstreamAnswer:
        """The model list."""
        shared = {"object": "model", "created": CREATED, "owned_by": "llmgateway"}
        body = json_codec.encode({"object": "list", "data": [{"id": name, **shared} for name in (MODEL, SLOW_MODEL)]})
        return ScriptedAnswer("application/json", [body], 0.0)

    async def close(self) -> None:
        """Nothing is open."""


class ScriptedAnswer:
    """Prepared pieces, handed out one by one."""

    def __init__(self, content_type: str, pieces: list[bytes], pause: float) -> None:
        self.status = 200
        self.headers: Mapping[str, str] = {"content-type": content_type}
        self._pieces = pieces[::-1]
        self._pause = pause

    async def read_some(self) -> bytes:
        """The next piece, or b"" at the end."""
        if not self._pieces:
            return b""
        await asyncio.sleep(self._pause)
        return self._pieces.pop()

    async def read_all(self) -> bytes:
        """All that is left."""
        rest, self._pieces = b"".join(self._pieces[::-1]), []
        return rest

    def close(self) -> None:
        """Forgets what was not read."""
        self._pieces = []


def answer_to(document: Mapping[str, Any]) -> dict[str, Any]:
    """A chat completion request -> the whole completion."""
    messages = document.get("messages") or [{}]
    calls = _calls(document, messages)
    text = None if calls else _sentence(messages[-1])
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None}
    if calls:
        message["tool_calls"] = calls
    prompt, completion = _words(messages), len((text or str(calls)).split())
    finish = "tool_calls" if calls else "stop"
    return {
        "id": f"chatcmpl-{_digest(document)}",
        "object": "chat.completion",
        "created": CREATED,
        "model": document.get("model") or MODEL,
        "system_fingerprint": "scripted",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion},
    }


def chunks_of(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The whole completion -> the chunks of its stream, usage included."""
    message, finish = answer["choices"][0]["message"], answer["choices"][0]["finish_reason"]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    deltas += [{"content": word} for word in _split(message["content"] or "")]
    for index, call in enumerate(message.get("tool_calls", [])):
        arguments = call["function"]["arguments"]
        started = {**call, "index": index, "function": {"name": call["function"]["name"], "arguments": ""}}
        deltas.append({"tool_calls": [started]})
        halves = (arguments[: len(arguments) // 2], arguments[len(arguments) // 2 :])
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": half}}]} for half in halves]
    base = {key: answer[key] for key in ("id", "created", "model", "system_fingerprint")}
    base["object"] = "chat.completion.chunk"
    reasons = [None] * len(deltas) + [finish]
    chunks: list[dict[str, Any]] = [
        {**base, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]}
        for delta, reason in zip([*deltas, {}], reasons, strict=True)
    ]
    return [*chunks, {**base, "choices": [], "usage": answer["usage"]}]


def _calls(document: Mapping[str, Any], messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    tools = [tool["function"] for tool in document.get("tools") or [] if tool.get("type") == "function"]
    choice = document.get("tool_choice", "auto")
    if not tools or choice == "none" or messages[-1].get("role") == "tool":
        return []
    wanted = _named(tools, choice, _text(messages[-1]))
    if wanted is None:
        return []
    arguments = json_codec.encode(_example(wanted.get("parameters") or {"type": "object"})).decode()
    call_id = f"call_{_digest([wanted['name'], len(messages)])[:24]}"
    return [{"id": call_id, "type": "function", "function": {"name": wanted["name"], "arguments": arguments}}]


def _named(tools: list[dict[str, Any]], choice: Any, text: str) -> dict[str, Any] | None:
    forced = choice.get("function", {}).get("name") if isinstance(choice, dict) else None
    for tool in tools:
        if tool["name"] == forced or (forced is None and f"call the tool {tool['name']}" in text):
            return tool
    return tools[0] if choice == "required" else None


def _example(schema: Mapping[str, Any]) -> Any:
    """A value that the schema's type, enum and required properties allow."""
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type", "object")
    if kind == "object":
        properties = schema.get("properties") or {}
        return {name: _example(properties[name]) for name in schema.get("required") or properties if name in properties}
    simple = {"string": "example", "integer": 1, "number": 1.5, "boolean": True, "array": []}
    return simple.get(kind if isinstance(kind, str) else kind[0])


def _sentence(message: Mapping[str, Any]) -> str:
    if message.get("role") == "tool":
        return f"The tool said: {_text(message)}"
    said = _text(message).strip() or "nothing"
    return f"You said: {said[:2000]}"


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content if isinstance(part, dict))


def _words(messages: list[dict[str, Any]]) -> int:
    return sum(len(_text(message).split()) + 1 for message in messages)


def _split(text: str) -> list[str]:
    words = text.split(" ")
    return [word if index == 0 else f" {word}" for index, word in enumerate(words)] if text else []


def _event(chunk: Mapping[str, Any]) -> bytes:
    return b"data: " + json_codec.encode(chunk) + b"\n\n"


def _digest(value: Any) -> str:
    return hashlib.blake2b(json_codec.encode(value), digest_size=16).hexdigest()
