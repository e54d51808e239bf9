"""A whole answer -> the response object, item for item what the stream of the same events ends with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmgateway.dialects.openai_responses import items
from llmgateway.dialects.openai_responses.errors import response_error
from llmgateway.dialects.openai_responses.items import Ending, ItemStatus, View
from llmgateway.dialects.openai_responses.response_object import INCOMPLETE_REASON, ResponseStatus, response_object
from llmgateway.dialects.reply import Reply
from llmgateway.events import ToolIdentity, Usage
from llmgateway.fold import Answer, Block, ReasoningBlock, RefusalBlock, TextBlock, ToolCallBlock
from llmgateway.wire import json_codec

Message = list[TextBlock | RefusalBlock]
Draft = Message | ReasoningBlock | ToolCallBlock
"""An output item before its place, and so its id and status, is known."""


def encode_whole(
    answer: Answer,
    reply: Reply,
    *,
    completed_at: int | None = None,
) -> bytes:
    """The response as JSON. `completed_at` is Unix seconds."""
    return json_codec.encode(_response(answer, reply, View(reply), completed_at))


def _response(answer: Answer, reply: Reply, view: View, completed_at: int | None) -> dict[str, Any]:
    if answer.failure is not None:
        output, usage = _output(answer, reply, view, "failed"), None if answer.usage == Usage() else answer.usage
        return response_object(reply, "failed", output, usage=usage, error=response_error(answer.failure))
    if answer.finish is None:
        return response_object(reply, "in_progress", usage=answer.usage)
    output = _output(answer, reply, view, answer.finish.reason)
    reason = INCOMPLETE_REASON.get(answer.finish.reason)
    status: ResponseStatus = "incomplete" if reason else "completed"
    return response_object(
        reply, status, output, usage=answer.usage, incomplete_reason=reason, completed_at=completed_at
    )


def _output(answer: Answer, reply: Reply, view: View, ending: Ending) -> list[dict[str, Any]]:
    drafts = _drafts(_blocks(answer), view)
    if not drafts and ending not in items.EARLY_ENDINGS:
        drafts = [[TextBlock("")]]
    last = len(drafts) - 1
    return [_item(draft, reply, view, ending, index, is_last=index == last) for index, draft in enumerate(drafts)]


def _blocks(answer: Answer) -> list[Block]:
    """The answer's blocks, and the explanation of a refusal that has no text of its own."""
    finish = answer.finish
    refused = any(isinstance(block, RefusalBlock) for block in answer.blocks)
    if finish is None or finish.reason != "refusal" or not finish.explanation or refused:
        return answer.blocks
    return [*answer.blocks, RefusalBlock(finish.explanation)]


def _drafts(blocks: Sequence[Block], view: View) -> list[Draft]:
    drafts: list[Draft] = []
    for block in blocks:
        match block:
            case TextBlock() | RefusalBlock():
                if not drafts or not isinstance(drafts[-1], list):
                    drafts.append([])
                drafts[-1].append(block)  # type: ignore[union-attr]  # the line above makes it a message
            case ReasoningBlock():
                if items.is_visible(block.text, block.signature, view):
                    drafts.append(block)
            case ToolCallBlock():
                drafts.append(block)
    return drafts


def _item(draft: Draft, reply: Reply, view: View, ending: Ending, index: int, *, is_last: bool) -> dict[str, Any]:
    match draft:
        case ToolCallBlock():
            return _call(draft, reply, ending, index, is_last=is_last)
        case ReasoningBlock():
            status = items.reasoning_status(draft.signature, ending, is_last=is_last)
            return items.reasoning_item(items.item_id("rs", reply, index), draft.text, draft.signature, view, status)
        case _:
            parts = [part for block in draft for part in _parts(block, view)]
            status = items.text_status(ending, is_last=is_last)
            return items.message_item(items.item_id("msg", reply, index), parts, status)


def _parts(block: TextBlock | RefusalBlock, view: View) -> list[dict[str, Any]]:
    if isinstance(block, RefusalBlock):
        refusal = items.refusal_part(block.text)
        return [refusal, items.text_part(block.text)] if view.refusal_as_text else [refusal]
    logprobs = [entry for piece in block.logprobs for entry in items.logprobs_of(piece)]
    return [items.text_part(block.text, items.annotations_of(block.citations, block.text), logprobs)]


def _call(block: ToolCallBlock, reply: Reply, ending: Ending, index: int, *, is_last: bool) -> dict[str, Any]:
    identity = reply.tools.get(block.name) or ToolIdentity(block.name)
    status: ItemStatus = items.call_status(block.arguments, identity, ending, is_last=is_last)
    content = items.call_content(block.arguments, identity, status)
    return items.call_item(items.call_item_id(identity, reply, index), block.id, identity, content, status)
