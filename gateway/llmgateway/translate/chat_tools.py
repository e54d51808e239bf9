"""OpenAI's tools, functions and tool choice -> Anthropic's tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgateway.translate.messages_document import MessagesDocument
from llmgateway.translate.request_document import RequestDocument
from llmgateway.translate.rules import Rule, Table
from llmgateway.translate.shapes import kind_of, list_at, name_at, object_at, refuse
from llmgateway.translate.tool_schemas import freeform_schema, with_grammar


def declare_tools(to: MessagesDocument, value: Any) -> None:
    """Every tool of the request; hosted ones are losses."""
    for index, item in enumerate(list_at(value, "tools")):
        path = f"tools[{index}]"
        tool = object_at(item, path)
        kind = kind_of(tool)
        if kind == "function" or (not kind and "function" in tool):
            _declare_function(to, object_at(tool.get("function"), f"{path}.function"), f"{path}.function")
        elif kind == "custom":
            _declare_custom(to, object_at(tool.get("custom"), f"{path}.custom"), f"{path}.custom")
        else:
            to.lose(path, f"{kind or 'a nameless tool'} runs on OpenAI's servers only")


def declare_functions(to: MessagesDocument, value: Any) -> None:
    """The older field `functions`."""
    for index, item in enumerate(list_at(value, "functions")):
        path = f"functions[{index}]"
        _declare_function(to, object_at(item, path), path)


def _declare_function(to: MessagesDocument, function: Mapping[str, Any], path: str) -> None:
    name = to.names.of(name_at(function.get("name"), f"{path}.name"), kind="function")
    to.declare(name, function.get("description"), function.get("parameters"), path, strict=function.get("strict"))
    for field, content in function.items():
        if field not in FUNCTION_FIELDS.by_field and content is not None:
            to.lose_kind(f"tool.{field}", f"{path}.{field}", "not a known field of a function")


def _declare_custom(to: MessagesDocument, custom: Mapping[str, Any], path: str) -> None:
    name = to.names.of(name_at(custom.get("name"), f"{path}.name"), kind="custom")
    description = with_grammar(custom.get("description"), custom.get("format"))
    to.declare(name, description, freeform_schema(), path)


def choose_word(to: RequestDocument, word: str) -> None:
    """none, auto or required."""
    if word not in ("none", "auto", "required"):
        refuse("tool_choice", "must be none, auto or required")
    to.choose_mode("none" if word == "none" else "required" if word == "required" else "auto")


def choose_tool(to: MessagesDocument, value: Any) -> None:
    """tool_choice, as a word, one tool, or the allowed ones."""
    if isinstance(value, str):
        choose_word(to, value)
        return
    choice = object_at(value, "tool_choice")
    kind = kind_of(choice)
    if kind in ("function", "custom"):
        named = object_at(choice.get(kind), f"tool_choice.{kind}")
        path = f"tool_choice.{kind}.name"
        to.choose(to.names.of(name_at(named.get("name"), path)), path)
    elif kind == "allowed_tools":
        _allow(to, object_at(choice.get("allowed_tools"), "tool_choice.allowed_tools"))
    else:
        to.lose("tool_choice", f"{kind or 'this'} is no tool choice of this upstream")


def _allow(to: MessagesDocument, allowed: Mapping[str, Any]) -> None:
    path = "tool_choice.allowed_tools.tools"
    names = []
    for index, item in enumerate(list_at(allowed.get("tools"), path)):
        tool = object_at(item, f"{path}[{index}]")
        named = tool.get(kind_of(tool))
        name = named.get("name") if isinstance(named, Mapping) else tool.get("name")
        names.append(to.names.of(name_at(name, f"{path}[{index}].name")))
    to.allow(names, "required" if allowed.get("mode") == "required" else "auto")


def choose_function(to: MessagesDocument, value: Any) -> None:
    """The older field `function_call`."""
    if isinstance(value, str):
        choose_word(to, value)
    else:
        named = object_at(value, "function_call")
        to.choose(to.names.of(name_at(named.get("name"), "function_call.name")), "function_call.name")


def parallel_tool_calls(to: RequestDocument, value: Any) -> None:
    """False becomes disable_parallel_tool_use; true is what happens anyway."""
    to.parallel = value is not False


FUNCTION_FIELDS: Table[MessagesDocument] = Table(
    Rule("name", "carried", "name", "renamed beyond 128 of [a-zA-Z0-9_-], and back in the answer"),
    Rule("description", "carried", "description"),
    Rule("parameters", "carried", "input_schema", "a plain object at its top"),
    Rule("strict", "carried", "strict", "where the model has structured outputs, for 20 closed schemas at most"),
    Rule("custom", "approximated", "tools", "a function with one string `input`, the grammar in its description"),
)  # fmt: skip
"""Fields of one function."""
