"""Anthropic's tools and tool choice -> functions of a chat upstream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgateway.translate.chat_document import ChatDocument
from llmgateway.translate.request_document import ToolMode
from llmgateway.translate.rules import Rule, Table
from llmgateway.translate.shapes import kind_of, list_at, name_at, object_at, refuse
from llmgateway.translate.typed_tools import typed_tool
from llmgateway.wire import json_codec

PLACEHOLDER = "DeferredToolPlaceholder"
"""Claude Code's stand-in for tools that it defers; nobody may call it."""

_CHOICES: dict[str, ToolMode] = {"auto": "auto", "any": "required", "none": "none"}


def declare_tools(to: ChatDocument, value: Any) -> None:
    """Every tool of the request, each a function, or a loss with its name."""
    for index, item in enumerate(list_at(value, "tools")):
        path = f"tools[{index}]"
        tool = object_at(item, path)
        kind = kind_of(tool)
        if kind in ("", "custom"):
            _declare_custom(to, tool, path)
        elif typed := typed_tool(kind):
            name = name_at(tool.get("name"), f"{path}.name")
            to.declare(to.names.of(name, kind="function"), *typed, path)
        else:
            dropped = tool.get("name")
            to.dropped_tools.add(dropped if isinstance(dropped, str) else kind)
            to.lose(path, f"{kind} runs on Anthropic's servers only")


def _declare_custom(to: ChatDocument, tool: Mapping[str, Any], path: str) -> None:
    name = name_at(tool.get("name"), f"{path}.name")
    if name == PLACEHOLDER:
        to.dropped_tools.add(name)
        return
    description = tool.get("description")
    examples = tool.get("input_examples")
    if isinstance(examples, list) and examples:
        lines = "\n".join(json_codec.encode(example).decode() for example in examples)
        description = f"{description or ''}\n\nExamples of input:\n{lines}".strip()
    upstream_name = to.names.of(name, kind="function")
    to.declare(upstream_name, description, tool.get("input_schema"), path, strict=tool.get("strict"))
    for rule in TOOL_FIELDS.rules:
        if rule.handling == "dropped" and tool.get(rule.field) not in (None, *rule.harmless):
            to.lose_kind(f"tool.{rule.field}", f"{path}.{rule.field}", rule.reason)
    for field, content in tool.items():
        if field not in TOOL_FIELDS.by_field and content is not None:
            to.lose_kind(f"tool.{field}", f"{path}.{field}", "not a known field of a tool")


def choose_tool(to: ChatDocument, value: Any) -> None:
    """tool_choice with its disable_parallel_tool_use."""
    choice = object_at(value, "tool_choice")
    kind = kind_of(choice)
    if kind == "tool":
        to.choose(to.names.of(name_at(choice.get("name"), "tool_choice.name")), "tool_choice.name")
    elif kind in _CHOICES:
        to.choose_mode(_CHOICES[kind])
    else:
        refuse("tool_choice.type", "must be auto, any, tool or none")
    if isinstance(choice.get("disable_parallel_tool_use"), bool) and kind != "none":
        to.parallel = False if choice["disable_parallel_tool_use"] else None


TOOL_FIELDS: Table[ChatDocument] = Table(
    Rule("type", "carried", "type", "custom tools are functions; bash, text editor and memory tools are written out as "
         "functions; all others run on Anthropic's servers and are dropped, named"),
    Rule("name", "carried", "function.name", "renamed for OpenAI beyond 64 of [a-zA-Z0-9_-], and back in the answer"),
    Rule("description", "carried", "function.description"),
    Rule("input_schema", "carried", "function.parameters", "unchanged; for OpenAI a plain object at its top"),
    Rule("strict", "carried", "function.strict", "for OpenAI only where its strict mode takes the schema"),
    Rule("input_examples", "approximated", "function.description", "written below the description"),
    Rule("defer_loading", "approximated", "", "sent like any other tool; there is no tool search upstream"),
    Rule("eager_input_streaming", "consumed", reason="arguments are streamed as they come"),
    Rule("cache_control", "dropped", reason="chat servers cache prefixes by themselves"),
    Rule("allowed_callers", "dropped", reason="code execution is Anthropic's own", harmless=(["direct"],)),
)  # fmt: skip
"""Fields of one tool."""
