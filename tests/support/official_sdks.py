"""The official clients as judges: what a user's program would see of these bytes."""

from __future__ import annotations

import warnings
from typing import Any

import anthropic
import httpx2
import openai

Document = dict[str, Any]
NOT_IN_TYPES = {"reasoning", "reasoning_content"}


def read_stream(dialect: str, stream: bytes) -> Document:
    """The whole answer as the client puts it together. Raises what the client raises."""
    return _read_message_stream(stream) if dialect == "messages" else _read_chat_stream(stream)


def read_document(dialect: str, body: bytes) -> Document:
    """The whole answer as the client parses it."""
    if dialect == "messages":
        message = _anthropic(body, "application/json").messages.create(
            model="m", max_tokens=1, messages=[{"role": "user", "content": "hi"}]
        )
        return _plain(message)
    return _plain(_openai(body, "application/json").chat.completions.create(model="m", messages=[]))


def _read_message_stream(stream: bytes) -> Document:
    client = _anthropic(stream, "text/event-stream")
    with client.messages.stream(model="m", max_tokens=1, messages=[{"role": "user", "content": "hi"}]) as messages:
        return _plain(messages.get_final_message())


def _read_chat_stream(stream: bytes) -> Document:
    """The client's helper puts chunks together too, but raises for `length` and knows no custom tools."""
    client = _openai(stream, "text/event-stream")
    chunks = list(client.chat.completions.create(model="m", messages=[], stream=True))
    document = _joined([_plain(chunk) for chunk in chunks])
    choice = document["choices"][0]
    if choice["finish_reason"] in ("stop", "tool_calls") and b'"type":"custom"' not in stream:
        with client.chat.completions.stream(model="m", messages=[]) as helper:
            message = helper.get_final_completion().choices[0].message
        assert (message.content, message.refusal) == (choice["message"]["content"] or "", choice["message"]["refusal"])
        assert len(message.tool_calls or []) == len(choice["message"].get("tool_calls", []))
    return document


def _joined(chunks: list[Document]) -> Document:
    """Chunks -> the completion that a whole answer would be."""
    message: Document = {"role": "assistant", "content": None, "refusal": None, "annotations": []}
    tokens: list[Any] = []
    choices = [chunk["choices"][0] for chunk in chunks if chunk["choices"]]
    for choice in choices:
        delta = choice["delta"]
        for name in ("content", "refusal", "reasoning_content", "reasoning"):
            if delta.get(name):
                message[name] = (message.get(name) or "") + delta[name]
        message["annotations"] += delta.get("annotations", [])
        for part in delta.get("tool_calls", []):
            _add_part(message.setdefault("tool_calls", []), part)
        tokens += (choice["logprobs"] or {}).get("content", [])
    if message["content"] is None and message["refusal"] is None and "tool_calls" not in message:
        message["content"] = ""
    logprobs = {"content": tokens, "refusal": None} if tokens else None
    whole = {"index": 0, "message": message, "logprobs": logprobs, "finish_reason": choices[-1]["finish_reason"]}
    first = {name: chunks[0][name] for name in ("id", "created", "model", "system_fingerprint")}
    return {**first, "object": "chat.completion", "choices": [whole], "usage": chunks[-1].get("usage")}


def _add_part(calls: list[Document], part: Document) -> None:
    part = dict(part)
    index = part.pop("index")
    if index == len(calls):
        calls.append(part)
        return
    for kind, field in (("function", "arguments"), ("custom", "input")):
        if kind in part:
            calls[index][kind][field] += part[kind][field]


def _plain(model: Any) -> Document:
    """As a document; kinds of blocks that the client's types don't know are no warning to us."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        found: Document = model.to_dict()
    return found


def _anthropic(body: bytes, content_type: str) -> anthropic.Anthropic:
    client = _http(body, content_type)
    return anthropic.Anthropic(api_key="none", base_url="http://gateway", max_retries=0, http_client=client)


def _openai(body: bytes, content_type: str) -> openai.OpenAI:
    client = _http(body, content_type)
    return openai.OpenAI(api_key="none", base_url="http://gateway/v1", max_retries=0, http_client=client)


def _http(body: bytes, content_type: str) -> httpx2.Client:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": content_type}, content=body)

    return httpx2.Client(transport=httpx2.MockTransport(answer))
