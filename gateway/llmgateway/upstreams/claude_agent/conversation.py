"""A Messages conversation as a session can be told it: turns that alternate and begin with the user's.

What has no place there goes into sections of text, marked as such: system messages in the middle (<context>), and a
history that begins with the assistant (<conversation>, <new_conversation/>).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from msgspec import Struct

from llmgateway.failures import Failure, TurnRefused
from llmgateway.wire import json_codec

Block = dict[str, Any]
Side = Literal["user", "assistant"]
TOOL_PREFIX = "client_"
"""In front of the client's tool names inside the session: none can be taken for a tool of the agent's own."""
DROPPED_BLOCKS = ("thinking", "redacted_thinking")
"""The program leaves them out of a replayed history. Leaving out all of them is always legal (Anthropic, thinking)."""


class Turn(Struct):
    """One side's whole turn."""

    role: Side
    content: list[Block]


def refuse(path: str, reason: str) -> TurnRefused:
    """The refusal of one field."""
    return TurnRefused(Failure(kind="invalid_request", message=f"{path}: {reason}", param=path))


def turns_of(messages: Any) -> list[Turn]:
    """The history and, last, the user's question. Raises TurnRefused."""
    if not isinstance(messages, list) or not messages:
        raise refuse("messages", "at least one message is needed")
    turns: list[Turn] = []
    for index, message in enumerate(messages):
        role = message.get("role") if isinstance(message, dict) else None
        if role not in ("user", "assistant", "system"):
            raise refuse(f"messages[{index}].role", "must be user, assistant or system")
        content = _blocks(message.get("content"), f"messages[{index}].content")
        side: Side = "assistant" if role == "assistant" else "user"
        if role == "system":
            content = _context(content)
        if turns and turns[-1].role == side:
            turns[-1].content += content
        else:
            turns.append(Turn(side, content))
    turns = [turn for turn in turns if turn.content]
    if not turns or turns[-1].role == "assistant":
        raise refuse(f"messages[{len(messages) - 1}]", "the agent can't continue an assistant message: end with a user")
    return turns if turns[0].role == "user" else [_sections(turns)]


def digests(seed: bytes, turns: Iterable[Turn]) -> list[bytes]:
    """After each turn, the digest of the conversation so far; `seed` stands for whose and under what system prompt."""
    found = [seed]
    for turn in turns:
        found.append(hashlib.blake2b(json_codec.encode(_essence(turn)), key=found[-1][:32], digest_size=32).digest())
    return found[1:]


def _blocks(content: Any, path: str) -> list[Block]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise refuse(path, "must be a string or a list of content blocks")
    return [_told(block) for block in content if block.get("type") not in DROPPED_BLOCKS]


def _told(block: Block) -> Block:
    """Without the client's cache breakpoints (the program sets its own; four are allowed), tools under their prefix."""
    told = {name: value for name, value in block.items() if name != "cache_control"}
    if told.get("type") == "tool_use":
        told["name"] = f"{TOOL_PREFIX}{told.get('name')}"
    elif told.get("type") == "tool_result" and isinstance(told.get("content"), list):
        told["content"] = [_told(each) if isinstance(each, dict) else each for each in told["content"]]
    return told


def _context(content: Sequence[Block]) -> list[Block]:
    text = _text(content)
    return [{"type": "text", "text": f"<context>\n{text}\n</context>"}] if text else []


def _sections(turns: Sequence[Turn]) -> Turn:
    """The whole conversation as one user turn; images and the like of the last turn stay what they are."""
    lines = [f"<{turn.role}>\n{_text(turn.content)}\n</{turn.role}>" for turn in turns[:-1]]
    history = "<conversation>\n" + "\n".join(lines) + "\n</conversation>" if lines else "<new_conversation/>"
    return Turn("user", [{"type": "text", "text": history}, *turns[-1].content])


def _text(content: Sequence[Block]) -> str:
    return "\n".join(str(block["text"]) if "text" in block else f"[{block.get('type')}]" for block in content)


def _essence(turn: Turn) -> list[Any]:
    """What two tellings of one turn have in common: clients join an answer's text blocks, or drop its citations."""
    if turn.role == "user":
        return [turn.role, turn.content]
    text = "".join(str(block.get("text", "")) for block in turn.content if block.get("type") == "text")
    others = [[block.get("id"), block.get("name"), block.get("input")] for block in turn.content
              if block.get("type") != "text"]  # fmt: skip
    return [turn.role, text, others]
