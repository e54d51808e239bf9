"""An agent's turns as the conversation tells them: which tools each called, and whether that brought anything new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from llmgateway.policies.conversation import Conversation, Unit, blocks_of, objects_in
from llmgateway.wire import json_codec

ERROR_MARK = "Error: "
"""How a failed result begins where the dialect has no field for it (chat)."""


class ToolTurn(Struct, frozen=True):
    """One assistant turn. `names` is empty where it only spoke."""

    names: tuple[str, ...]
    brought: bytes
    """Calls with their arguments and results; the same again means that nothing came of it."""
    failed: bool
    """Every result was an error."""


class Loop(Struct, frozen=True, kw_only=True):
    """Where an agent stands."""

    active: bool
    """Tool results are there, or the last assistant turn was text only."""
    turns: int
    """Tool turns since the user last spoke."""
    repeats: int
    """Turns in a row, up to the newest, with tools that were called in a turn shortly before as well."""
    idle: int
    """Turns in a row, up to the newest, without progress: only words, only errors, or what was seen before."""


def loop_of(conversation: Conversation, window: int) -> Loop:
    """`window`: how many turns back the same tools count as a repeat."""
    spoken = [unit for unit in conversation.units if unit.kind in ("tools", "assistant")]
    turns = [_turn(conversation, unit) for unit in spoken]
    since_user = 0
    for unit in reversed(conversation.units):
        if unit.kind == "user":
            break
        since_user += unit.kind == "tools"
    return Loop(active=bool(turns), turns=since_user, repeats=_repeats(turns, window), idle=_idle(turns))


def _repeats(turns: list[ToolTurn], window: int) -> int:
    """A turn counts where one of the `window - 1` turns before it called the same tools, so cycles count as well."""
    count = 0
    for place in range(len(turns) - 1, 0, -1):
        before = turns[max(0, place - window + 1) : place]
        if not turns[place].names or all(turn.names != turns[place].names for turn in before):
            break
        count += 1
    return count + 1 if count or (turns and turns[-1].names) else 0


def _idle(turns: list[ToolTurn]) -> int:
    seen: set[bytes] = set()
    count = 0
    for turn in turns:
        moved = bool(turn.names) and not turn.failed and turn.brought not in seen
        count = 0 if moved else count + 1
        seen.add(turn.brought)
    return count


def _turn(conversation: Conversation, unit: Unit) -> ToolTurn:
    held = [message for message in conversation.raw[unit.start : unit.end] if isinstance(message, Mapping)]
    if conversation.dialect == "chat":
        calls, results = _chat_calls(held), [message for message in held if message.get("role") == "tool"]
        failures = [_text(result).startswith(ERROR_MARK) for result in results]
    else:
        calls = [
            (block.get("name"), block.get("input")) for message in held for block in blocks_of(message, "tool_use")
        ]
        results = [block for message in held for block in blocks_of(message, "tool_result")]
        failures = [result.get("is_error") is True for result in results]
    names = tuple(name if isinstance(name, str) else "" for name, _ in calls)
    brought = _bytes([calls, [result.get("content") for result in results]])
    return ToolTurn(names, brought, bool(failures) and all(failures))


def _chat_calls(messages: Iterable[Mapping[str, Any]]) -> list[tuple[Any, Any]]:
    calls: list[tuple[Any, Any]] = []
    for message in messages:
        for call in objects_in(message.get("tool_calls")):
            function = call.get("function", call.get("custom"))
            function = function if isinstance(function, Mapping) else {}
            calls.append((function.get("name"), function.get("arguments", function.get("input"))))
    return calls


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        content = next((part.get("text") for part in objects_in(content)), "")
    return content if isinstance(content, str) else ""


def _bytes(value: Any) -> bytes:
    try:
        return json_codec.encode(value)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return repr(type(value)).encode()
