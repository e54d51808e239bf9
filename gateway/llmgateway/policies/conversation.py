"""A lens on the conversation in a request document of either upstream dialect, so that policies are written once.

Units are runs of messages that go or stay together: a tool call with all of its results (and whatever stands between
them), or one message alone. Reading never fails: what makes no sense is a unit of its own, and upstreams refuse it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec import Struct

from llmgateway.policies.message_content import json_size, message_size

Dialect = Literal["chat", "messages"]
Document = Mapping[str, Any]
Role = Literal["system", "user", "assistant", "tool"]
"""`tool`: holds results of tool calls (messages: a user turn with tool_result blocks)."""

FIXED_FIELDS = ("system", "tools", "functions", "response_format", "output_config")
"""What a model reads beside the messages."""
_CHAT_ROLES: Mapping[str, Role] = {
    "system": "system", "developer": "system", "assistant": "assistant", "tool": "tool", "function": "tool",
}  # fmt: skip


class Message(Struct, frozen=True, gc=False):
    """One message; `calls` and `results` are the ids of tool calls made and answered in it, in order."""

    role: Role
    size: int
    calls: tuple[str, ...] = ()
    results: tuple[str, ...] = ()


class Unit(Struct, frozen=True, gc=False):
    """Messages [start, end). `tools` holds calls or results; the others are one kind of message only."""

    start: int
    end: int
    kind: Literal["system", "user", "assistant", "tools"]
    size: int


class Conversation(Struct, frozen=True):
    """`messages` and `raw` (what the document holds) are one for one; `units` cover them in order."""

    dialect: Dialect
    raw: Sequence[Any]
    messages: list[Message]
    units: list[Unit]
    fixed_size: int

    @property
    def size(self) -> int:
        """Everything that a model reads."""
        return self.fixed_size + sum(unit.size for unit in self.units)

    @property
    def first_user(self) -> int | None:
        """The place of the first user message."""
        return next((place for place, message in enumerate(self.messages) if message.role == "user"), None)


def read(document: Document, dialect: Dialect) -> Conversation:
    """The conversation of a document; an empty one where it has none."""
    raw = document.get("messages")
    raw = raw if isinstance(raw, list) else []
    messages = [read_message(message, dialect) for message in raw]
    fixed = sum(json_size(document[name]) for name in FIXED_FIELDS if document.get(name) is not None)
    return Conversation(dialect, raw, messages, _units(messages, dialect), fixed)


def read_message(message: Any, dialect: Dialect) -> Message:
    """One message; what is no object counts as a user's."""
    size = message_size(message)
    if not isinstance(message, Mapping):
        return Message("user", size)
    role = message.get("role")
    if dialect == "chat":
        known = _CHAT_ROLES.get(role, "user") if isinstance(role, str) else "user"
        return Message(known, size, tuple(_chat_calls(message)), tuple(_chat_results(message, known)))
    calls, results = _ids(message, "tool_use", "id"), _ids(message, "tool_result", "tool_use_id")
    if role == "assistant":
        return Message("assistant", size, calls)
    if role == "system":
        return Message("system", size)
    return Message("tool" if _has_block(message, "tool_result") else "user", size, (), results)


def objects_in(value: Any) -> list[Mapping[str, Any]]:
    """The objects of a list; none of anything else."""
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def blocks_of(message: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    """The blocks of one type in a message's content."""
    return [block for block in objects_in(message.get("content")) if block.get("type") == kind]


def _has_block(message: Mapping[str, Any], kind: str) -> bool:
    return bool(blocks_of(message, kind))


def _ids(message: Mapping[str, Any], kind: str, field: str) -> tuple[str, ...]:
    found = (block.get(field) for block in blocks_of(message, kind))
    return tuple(each for each in found if isinstance(each, str))


def _chat_calls(message: Mapping[str, Any]) -> list[str]:
    calls = [call["id"] for call in objects_in(message.get("tool_calls")) if isinstance(call.get("id"), str)]
    older = message.get("function_call")  # functions: no ids, the name ties them together
    return [*calls, f"function {older.get('name')}"] if isinstance(older, Mapping) else calls


def _chat_results(message: Mapping[str, Any], role: Role) -> list[str]:
    if role != "tool":
        return []
    if message.get("role") == "function":
        return [f"function {message.get('name')}"]
    found = message.get("tool_call_id")
    return [found] if isinstance(found, str) else []


def _units(messages: Sequence[Message], dialect: Dialect) -> list[Unit]:
    """Ids may come again later in a conversation (some servers number calls anew each turn): the latest call counts."""
    runs: list[tuple[int, int]] = []
    calls: dict[str, int] = {}
    for place, message in enumerate(messages):
        start = place
        if runs and (message.role == "tool" or (message.role == "system" and dialect == "messages")):
            start = runs[-1][0]  # results stay with what they follow, even where their call is missing
        start = min([start, *(calls.pop(each) for each in message.results if each in calls)])
        while runs and runs[-1][1] > start:
            start = min(start, runs.pop()[0])
        runs.append((start, place + 1))
        calls.update(dict.fromkeys(message.calls, place))
    return [_unit(messages, start, end) for start, end in runs]


def _unit(messages: Sequence[Message], start: int, end: int) -> Unit:
    held = messages[start:end]
    size = sum(message.size for message in held)
    first = held[0].role
    if first == "tool" or any(message.calls or message.role == "tool" for message in held):
        return Unit(start, end, "tools", size)
    return Unit(start, end, first, size)
