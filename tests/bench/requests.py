"""The requests of all workloads: small ones, and agents' large ones with many tools, in each client dialect."""

from __future__ import annotations

import json
from typing import Any, Literal

Client = Literal["chat", "messages", "responses"]
Upstream = Literal["chat", "messages"]

PATHS: dict[Client, str] = {
    "chat": "/v1/chat/completions",
    "messages": "/v1/messages",
    "responses": "/v1/responses",
}
PARAGRAPH = "The quick brown fox jumps over the lazy dog while seven wizards box; it’s 12°C in Zürich. "
CHARACTERS_PER_TOKEN = 4
QUESTION_CHARACTERS = 2000


def request(client: Client, model: str, script: str, *, stream: bool, tokens: int = 0, tools: int = 0) -> bytes:
    """A request body of about `tokens` tokens; `script` tells the model server what to answer (`paced:200`)."""
    messages = conversation(client, tokens, f"bench:{script}")
    document: dict[str, Any] = {"model": model, "stream": stream}
    if client == "responses":
        document |= {"input": messages, "store": False, "instructions": "Answer briefly."}
    elif client == "messages":
        document |= {"messages": messages, "max_tokens": 4096, "system": "Answer briefly."}
    else:
        document |= {"messages": [{"role": "system", "content": "Answer briefly."}, *messages]}
    if tools:
        document["tools"] = [_tool(client, number) for number in range(tools)]
    return json.dumps(document, ensure_ascii=False).encode()


def conversation(client: Client, tokens: int, last: str) -> list[dict[str, Any]]:
    """Turns of a user, an assistant that calls a tool, and the tool's result, in the dialect's shapes."""
    turns: list[dict[str, Any]] = []
    size = 0
    while size < tokens * CHARACTERS_PER_TOKEN:
        text = PARAGRAPH * (QUESTION_CHARACTERS // len(PARAGRAPH))
        turns += _round(client, f"call_{len(turns)}", text)
        size += 3 * len(text)
    return [*turns, _user(client, last)]


def _user(client: Client, text: str) -> dict[str, Any]:
    if client == "responses":
        return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    return {"role": "user", "content": text}


def _round(client: Client, call: str, text: str) -> list[dict[str, Any]]:
    arguments = {"text": text}
    if client == "responses":
        return [
            _user(client, text),
            {"type": "function_call", "call_id": call, "name": "tool_0", "arguments": json.dumps(arguments)},
            {"type": "function_call_output", "call_id": call, "output": text},
        ]
    if client == "messages":
        return [
            _user(client, text),
            {"role": "assistant", "content": [{"type": "tool_use", "id": call, "name": "tool_0", "input": arguments}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call, "content": text}]},
        ]
    function = {"name": "tool_0", "arguments": json.dumps(arguments)}
    return [
        _user(client, text),
        {"role": "assistant", "content": None, "tool_calls": [{"id": call, "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": call, "content": text},
    ]


def _tool(client: Client, number: int) -> dict[str, Any]:
    name, description = f"tool_{number}", f"Tool number {number}. {PARAGRAPH * 3}"
    properties = {
        f"field_{each}": {"type": "string", "description": PARAGRAPH, "enum": ["one", "two", "three"]}
        for each in range(6)
    }
    schema = {"type": "object", "properties": properties, "required": ["field_0"], "additionalProperties": False}
    if client == "messages":
        return {"name": name, "description": description, "input_schema": schema}
    function = {"name": name, "description": description, "parameters": schema}
    return {"type": "function", **function} if client == "responses" else {"type": "function", "function": function}
