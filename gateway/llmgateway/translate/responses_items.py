"""Items of a Responses request -> turns, for whichever upstream.

Consecutive reasoning, text and call items of the model are one assistant turn; outputs belong to calls by `call_id`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from llmgateway.failures import TurnRefused
from llmgateway.translate.request_document import RequestDocument
from llmgateway.translate.responses_parts import Parts, parts_of, texts_of
from llmgateway.translate.responses_tools import declare_tools
from llmgateway.translate.rules import Rule, Table
from llmgateway.translate.shapes import kind_of, list_at, name_at, object_at, refuse, text_at
from llmgateway.wire import json_codec, reasoning_token

_ITEM_FIELDS = frozenset({
    "type", "id", "role", "content", "status", "phase", "call_id", "name", "namespace", "arguments", "input",
    "output", "summary", "encrypted_content", "tools", "reasoning", "text", "action", "operation", "execution",
    "caller", "created_by"
})  # fmt: skip


class Turns(ABC):
    """Where the items go."""

    def __init__(self, to: RequestDocument) -> None:
        self.to = to

    @abstractmethod
    def system(self, text: str, path: str) -> None:
        """A system or developer message."""

    @abstractmethod
    def user(self, parts: Parts, path: str) -> None:
        """A user message."""

    @abstractmethod
    def assistant(self, texts: list[str]) -> None:
        """A message of the model."""

    @abstractmethod
    def reasoning(self, thinking: str, signature: str | None, path: str) -> None:
        """Reasoning that the gateway knows the text of."""

    @abstractmethod
    def call(self, call_id: str, name: str, arguments: str | dict[str, Any], path: str) -> None:
        """A call by its upstream name; arguments as JSON text, or as an object that the gateway made."""

    @abstractmethod
    def result(self, call_id: str, output: str | Parts, path: str) -> None:
        """The output of a call."""


def add_items(turns: Turns, value: Any) -> None:
    """`input`: a string or items, in one pass."""
    if isinstance(value, str):
        turns.user([{"type": "text", "text": value}], "input")
        return
    for index, found in enumerate(list_at(value, "input")):
        path = f"input[{index}]"
        item = object_at(found, path)
        kind = kind_of(item) or ("message" if "role" in item else "")
        for name, content in () if item.keys() <= _ITEM_FIELDS else item.items():
            if name not in _ITEM_FIELDS and content is not None:
                turns.to.lose_kind(f"item.{name}", f"{path}.{name}", "not known upstream")
        rule = ITEMS.by_field.get(kind)
        if rule is not None and rule.apply is not None:
            rule.apply(turns.to, (turns, item, path))
        else:
            reason = rule.reason if rule is not None else f"a {kind or 'nameless'} item has no counterpart upstream"
            turns.to.lose_kind(f"item {kind}", path, reason)


Placed = tuple[Turns, Mapping[str, Any], str]
"""Where an item goes, the item, and its path."""


def _message(to: RequestDocument, placed: Placed) -> None:
    turns, item, path = placed
    role = item.get("role")
    if role == "user":
        turns.user(parts_of(to, item.get("content"), f"{path}.content"), f"{path}.content")
    elif role == "assistant":
        turns.assistant(texts_of(to, item.get("content"), f"{path}.content"))
    elif role in ("system", "developer"):
        turns.system("\n\n".join(texts_of(to, item.get("content"), f"{path}.content")), path)
    else:
        refuse(f"{path}.role", "must be user, assistant, system or developer")


def _reasoning(to: RequestDocument, placed: Placed) -> None:
    turns, item, path = placed
    token = item.get("encrypted_content")
    own = reasoning_token.unwrap(token) if isinstance(token, str) else None
    if own is not None:
        turns.reasoning(*own, path)
    elif text := "\n\n".join(texts_of(to, item.get("content"), f"{path}.content")):
        turns.reasoning(text, None, path)
    elif token is not None or item.get("summary"):
        to.lose_kind("reasoning", path, "the reasoning of another vendor's model, which this one can't continue")


def _identified(item: Mapping[str, Any], path: str) -> tuple[str, str | None, str]:
    namespace = item.get("namespace")
    name = name_at(item.get("name"), f"{path}.name")
    call_id = text_at(item.get("call_id"), f"{path}.call_id")
    return name, namespace if isinstance(namespace, str) and namespace else None, call_id


def _function_call(to: RequestDocument, placed: Placed) -> None:
    turns, item, path = placed
    name, namespace, call_id = _identified(item, path)
    arguments = text_at(item.get("arguments"), f"{path}.arguments")
    turns.call(call_id, to.names.of(name, namespace), arguments, f"{path}.arguments")


def _custom_call(to: RequestDocument, placed: Placed) -> None:
    turns, item, path = placed
    name, namespace, call_id = _identified(item, path)
    arguments = {"input": text_at(item.get("input"), f"{path}.input")}
    turns.call(call_id, to.names.of(name, namespace, kind="custom"), arguments, f"{path}.input")


def _output(to: RequestDocument, placed: Placed) -> None:
    turns, item, path = placed
    output = item.get("output")
    found = output if isinstance(output, str) else parts_of(to, output, f"{path}.output")
    turns.result(text_at(item.get("call_id"), f"{path}.call_id"), found, f"{path}.call_id")


def _built_in_call(to: RequestDocument, placed: Placed) -> None:
    turns, item, path = placed
    done = item.get("action") or item.get("operation")
    arguments = done if isinstance(done, dict) else {}
    name = kind_of(item).removesuffix("_call")
    turns.call(text_at(item.get("call_id"), f"{path}.call_id"), to.names.of(name), arguments, path)


def _built_in_output(to: RequestDocument, placed: Placed) -> None:
    turns, item, path = placed
    output = item.get("output")
    text = output if isinstance(output, str) else json_codec.encode(output).decode()
    try:
        turns.result(text_at(item.get("call_id") or item.get("id"), f"{path}.call_id"), text, f"{path}.call_id")
    except TurnRefused as refused:
        to.lose(path, refused.failure.message)


def _more_tools(to: RequestDocument, placed: Placed) -> None:
    _, item, path = placed
    declare_tools(to, item.get("tools") or [], f"{path}.tools")


def _configuration(to: RequestDocument, placed: Placed) -> None:
    _, item, path = placed
    reasoning = item.get("reasoning")
    if isinstance(reasoning, Mapping):
        to.wish.take_effort(reasoning.get("effort"), f"{path}.reasoning.effort")
    if item.get("text") is not None:
        to.lose(f"{path}.text", "the output format is set once per request upstream")


def _reference(to: RequestDocument, placed: Placed) -> None:
    refuse(f"{placed[2]}.id", f"no item {placed[1].get('id')!r} is stored here")


ITEMS: Table[RequestDocument] = Table(
    Rule("message", "carried", "messages", "by role; see the parts below", _message),
    Rule("reasoning", "approximated", "reasoning_content or thinking block",
         "what this gateway wrapped itself, or plain "
         "text of an open model; of other vendors dropped", _reasoning),
    Rule("function_call", "carried", "tool call", "by call_id; consecutive ones are one turn; namespaces as ns__name",
         _function_call),
    Rule("function_call_output", "carried", "tool result", "by call_id; one without its call is refused", _output),
    Rule("custom_tool_call", "approximated", "tool call", "{input: text}, and back in the answer", _custom_call),
    Rule("custom_tool_call_output", "carried", "tool result", "by call_id", _output),
    Rule("additional_tools", "carried", "tools", "after those of the request", _more_tools),
    Rule("tool_search_output", "approximated", "tools", "the tools that were found are declared", _more_tools),
    Rule("configuration_update", "approximated", "reasoning effort", "the last one counts for the whole request",
         _configuration),
    Rule("shell_call", "approximated", "tool call", "its action as arguments", _built_in_call),
    Rule("shell_call_output", "approximated", "tool result", "as JSON", _built_in_output),
    Rule("local_shell_call", "approximated", "tool call", "its action as arguments", _built_in_call),
    Rule("local_shell_call_output", "approximated", "tool result", "as text", _built_in_output),
    Rule("apply_patch_call", "approximated", "tool call", "its operation as arguments", _built_in_call),
    Rule("apply_patch_call_output", "approximated", "tool result", "as text", _built_in_output),
    Rule("item_reference", "dropped", "", "refused: what the store knows was put in its place before", _reference),
    Rule("tool_search_call", "dropped", reason="the search is OpenAI's own; what it found is declared"),
    Rule("web_search_call", "dropped", reason="ran on OpenAI's servers"),
    Rule("file_search_call", "dropped", reason="ran on OpenAI's servers"),
    Rule("code_interpreter_call", "dropped", reason="ran on OpenAI's servers"),
    Rule("image_generation_call", "dropped", reason="ran on OpenAI's servers"),
    Rule("computer_call", "dropped", reason="a tool of OpenAI's own"),
    Rule("computer_call_output", "dropped", reason="a tool of OpenAI's own"),
    Rule("mcp_call", "dropped", reason="ran on OpenAI's servers"),
    Rule("mcp_list_tools", "dropped", reason="ran on OpenAI's servers"),
    Rule("mcp_approval_request", "dropped", reason="ran on OpenAI's servers"),
    Rule("mcp_approval_response", "dropped", reason="ran on OpenAI's servers"),
    Rule("compaction", "dropped", reason="only its producer can read it"),
    Rule("compaction_trigger", "dropped", reason="OpenAI's own"),
    Rule("program", "dropped", reason="ran on OpenAI's servers"),
    Rule("program_output", "dropped", reason="ran on OpenAI's servers"),
)  # fmt: skip
"""Input items; any other kind is a loss."""
