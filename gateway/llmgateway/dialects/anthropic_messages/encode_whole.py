"""A whole answer -> a message."""

from __future__ import annotations

from typing import Any

from llmgateway.dialects import tool_arguments
from llmgateway.dialects.anthropic_messages.message_parts import ToolIds, citation_object, ending, message, tool_name
from llmgateway.dialects.reply import Reply
from llmgateway.events import Usage
from llmgateway.fold import (
    Answer,
    Block,
    OpaqueBlock,
    ReasoningBlock,
    RedactedReasoningBlock,
    RefusalBlock,
    TextBlock,
    ToolCallBlock,
)
from llmgateway.wire import json_codec
from llmgateway.wire.reasoning_token import wrap


def encode_whole(answer: Answer, reply: Reply) -> bytes:
    """The message object; the caller has dealt with a failed answer."""
    usage = answer.usage if answer.usage != Usage() else Usage(reply.input_tokens)
    document = message(reply, usage)
    ids = ToolIds(reply)
    document["content"] = [shown for block in answer.blocks if (shown := _block(block, reply, ids)) is not None]
    if answer.finish is not None:
        refusal = "".join(block.text for block in answer.blocks if isinstance(block, RefusalBlock))
        document |= ending(answer.finish, refusal)
    return json_codec.encode(document)


def _block(block: Block, reply: Reply, ids: ToolIds) -> dict[str, Any] | None:
    match block:
        case TextBlock():
            cited = [citation_object(citation) for citation in block.citations]
            return {"type": "text", "text": block.text} | ({"citations": cited} if cited else {})
        case RefusalBlock():
            return {"type": "text", "text": block.text}
        case ReasoningBlock():
            signature = block.signature or wrap(block.text, None)
            return {"type": "thinking", "thinking": block.text, "signature": signature}
        case RedactedReasoningBlock():
            return {"type": "redacted_thinking", "data": block.data}
        case ToolCallBlock():
            return _tool_use(block, reply, ids)
        case OpaqueBlock():
            return block.payload if block.dialect == "messages" else None


def _tool_use(block: ToolCallBlock, reply: Reply, ids: ToolIds) -> dict[str, Any]:
    """Arguments that are no object never become an empty one."""
    return {
        "type": "tool_use",
        "id": ids.id_of(block.index, block.id),
        "name": tool_name(reply, block.name),
        "input": tool_arguments.as_object(block.arguments),
    }
