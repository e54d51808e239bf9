"""A whole answer -> a chat completion."""

from __future__ import annotations

from typing import Any

from llmgateway.dialects import tool_arguments
from llmgateway.dialects.openai_chat.message_parts import FINISH_REASON, call_id, client_tool, url_citations
from llmgateway.dialects.openai_chat.usage import usage_object
from llmgateway.dialects.reply import Reply
from llmgateway.events import Usage
from llmgateway.fold import Answer, ReasoningBlock, RefusalBlock, TextBlock, ToolCallBlock
from llmgateway.wire import json_codec


def encode_whole(answer: Answer, reply: Reply) -> bytes:
    """The `chat.completion` object; the caller has dealt with a failed answer."""
    usage = answer.usage if answer.usage != Usage() else Usage(reply.input_tokens)
    finish = answer.finish
    choice = {
        "index": 0,
        "message": _message(answer, reply),
        "logprobs": _logprobs(answer),
        "finish_reason": FINISH_REASON[finish.reason] if finish else None,
    }
    document = {
        "id": f"chatcmpl-{reply.id}",
        "object": "chat.completion",
        "created": reply.created,
        "model": reply.model,
        "choices": [choice],
        "usage": usage_object(usage),
        "system_fingerprint": None,
    }
    return json_codec.encode(document)


def _message(answer: Answer, reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": _joined(answer, TextBlock),
        "refusal": _refusal(answer),
        "annotations": _annotations(answer),
    }
    reasoning = _joined(answer, ReasoningBlock)
    if reasoning:
        message |= {"reasoning_content": reasoning, "reasoning": reasoning}
    calls = answer.tool_calls
    if calls:
        cut = answer.finish is not None and answer.finish.reason in ("length", "context_window")
        message["tool_calls"] = [_call(call, reply, cut=cut and call is answer.blocks[-1]) for call in calls]
    elif message["content"] is None and message["refusal"] is None:
        message["content"] = ""
    return message


def _joined(answer: Answer, kind: type[TextBlock | ReasoningBlock | RefusalBlock]) -> str | None:
    texts = [block.text for block in answer.blocks if isinstance(block, kind)]
    return "".join(texts) if texts else None


def _refusal(answer: Answer) -> str | None:
    said = _joined(answer, RefusalBlock)
    refused = answer.finish is not None and answer.finish.reason == "refusal"
    return said or (answer.finish.explanation if answer.finish and refused else None)


def _call(call: ToolCallBlock, reply: Reply, *, cut: bool) -> dict[str, Any]:
    tool = client_tool(reply, call.name)
    found = {"id": call_id(reply, call.index, call.id), "type": tool.kind}
    if tool.kind == "custom":
        return {**found, "custom": {"name": tool.name, "input": tool_arguments.freeform_input(call.arguments)}}
    arguments = call.arguments or ("" if cut else "{}")
    return {**found, "function": {"name": tool.name, "arguments": arguments}}


def _annotations(answer: Answer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    start = 0
    for block in answer.blocks:
        if isinstance(block, TextBlock):
            found += url_citations(block.citations, start, start + len(block.text))
            start += len(block.text)
    return found


def _logprobs(answer: Answer) -> dict[str, Any] | None:
    """The pieces' `content` lists joined."""
    pieces = [piece for block in answer.blocks if isinstance(block, TextBlock) for piece in block.logprobs]
    tokens = [token for piece in pieces if isinstance(piece, dict) for token in piece.get("content") or ()]
    return {"content": tokens, "refusal": None} if tokens else None
