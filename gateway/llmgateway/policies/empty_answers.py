"""An answer without anything in it: continued, or explained where thinking used up its room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from llmgateway.fold import Answer, ReasoningBlock, RedactedReasoningBlock, TextBlock
from llmgateway.policies.conversation import Dialect, Document
from llmgateway_api.policy import EmptyAnswers

Verdict = Literal["fine", "thought_only", "continue", "empty"]
"""fine: there is an answer, or a reason why there is none. thought_only: thinking used up the budget. continue: ask
again with `continued`. empty: tried often enough, the client gets it as it is."""

NUDGE = "Please continue."
_ENDED = ("stop", "stop_sequence", "length")
_TINY = 16
"""Clients that ask for so few tokens warm a cache or probe: an empty answer is what they want."""


def judge(answer: Answer, settings: EmptyAnswers, *, continued: int, room: int | None = None) -> Verdict:
    """`continued`: how often this turn was continued already; `room`: the request's max_tokens, where it had one."""
    if answer.failure is not None or answer.finish is None or answer.finish.reason not in _ENDED:
        return "fine"
    if says_something(answer) or (room is not None and room <= _TINY):
        return "fine"
    if thought(answer):
        return "thought_only" if answer.finish.reason == "length" else "fine"
    return "continue" if continued < settings.attempts else "empty"


def says_something(answer: Answer) -> bool:
    """Text that is more than white space, a tool call, a refusal, or a block of the dialect's own."""
    for block in answer.blocks:
        if isinstance(block, TextBlock):
            if block.text.strip() or block.citations:
                return True
        elif not isinstance(block, ReasoningBlock | RedactedReasoningBlock):
            return True
    return False


def thought(answer: Answer) -> bool:
    """Thinking was really produced: it is there, or the upstream counted tokens of it."""
    blocks = (block for block in answer.blocks if isinstance(block, ReasoningBlock | RedactedReasoningBlock))
    seen = any(isinstance(block, RedactedReasoningBlock) or block.text.strip() or block.signature for block in blocks)
    return seen or answer.usage.reasoning_tokens > 0


def continued(document: Document, dialect: Dialect) -> dict[str, Any]:
    """The request to send again. The same one would end empty again, so the user asks for more: after tool results in
    a message of its own (Anthropic: handling stop reasons, "empty responses with end_turn")."""
    messages = document.get("messages")
    messages = list(messages) if isinstance(messages, list) else []
    last = messages[-1] if messages else None
    if dialect == "chat" and isinstance(last, Mapping) and last.get("role") == "user":
        messages[-1] = _with_nudge(last)
    else:
        messages.append({"role": "user", "content": NUDGE})
    return {**document, "messages": messages}


def _with_nudge(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, list):
        return {**message, "content": [*content, {"type": "text", "text": NUDGE}]}
    return {**message, "content": f"{content}\n\n{NUDGE}" if isinstance(content, str) and content else NUDGE}
