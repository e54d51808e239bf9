"""Tools and tool choice of Responses -> functions of whichever upstream; namespaces become `namespace__name`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgateway.translate.request_document import RequestDocument
from llmgateway.translate.rules import Rule, Table
from llmgateway.translate.shapes import kind_of, list_at, name_at, object_at, refuse
from llmgateway.translate.tool_schemas import freeform_schema, with_grammar


def declare_tools(to: RequestDocument, value: Any, path: str = "tools") -> None:
    """Every tool, also those in namespaces; hosted ones are losses, named."""
    for index, found in enumerate(list_at(value, path)):
        at = f"{path}[{index}]"
        tool = object_at(found, at)
        if kind_of(tool) == "namespace":
            name = name_at(tool.get("name"), f"{at}.name")
            for place, inner in enumerate(list_at(tool.get("tools") or [], f"{at}.tools")):
                _declare(to, object_at(inner, f"{at}.tools[{place}]"), f"{at}.tools[{place}]", name)
        else:
            _declare(to, tool, at, None)


def _declare(to: RequestDocument, tool: Mapping[str, Any], path: str, namespace: str | None) -> None:
    kind = kind_of(tool)
    if kind not in ("function", "custom"):
        to.dropped_tools.add(kind)
        to.lose(path, f"{kind or 'a nameless tool'} is no tool that the client runs by a function call")
        return
    name = name_at(tool.get("name"), f"{path}.name")
    if kind == "custom":
        description = with_grammar(tool.get("description"), tool.get("format"))
        to.declare(to.names.of(name, namespace, kind="custom"), description, freeform_schema(), path)
        return
    upstream_name = to.names.of(name, namespace, kind="function")
    to.declare(upstream_name, tool.get("description"), tool.get("parameters"), path, strict=tool.get("strict"))
    for field, content in tool.items():
        rule = FUNCTION_FIELDS.by_field.get(field)
        if content and (rule is None or rule.handling == "dropped"):
            reason = rule.reason if rule is not None else "not a known field of a function"
            to.lose_kind(f"tool.{field}", f"{path}.{field}", reason)


def choose_tool(to: RequestDocument, value: Any) -> None:
    """tool_choice: a word, one tool, or the allowed ones. Hosted tools can't be chosen: a loss."""
    if isinstance(value, str):
        if value not in ("none", "auto", "required"):
            refuse("tool_choice", "must be none, auto or required")
        to.choose_mode("none" if value == "none" else "required" if value == "required" else "auto")
        return
    choice = object_at(value, "tool_choice")
    kind = kind_of(choice)
    if kind in ("function", "custom"):
        to.choose(_named(to, choice, "tool_choice"), "tool_choice.name")
    elif kind == "allowed_tools":
        _allow(to, choice)
    else:
        to.lose("tool_choice", f"{kind or 'this'} is no tool choice of this upstream")


def _named(to: RequestDocument, tool: Mapping[str, Any], path: str) -> str:
    name = name_at(tool.get("name"), f"{path}.name")
    namespace = tool.get("namespace")
    return to.names.of(name, namespace if isinstance(namespace, str) and namespace else None)


def _allow(to: RequestDocument, choice: Mapping[str, Any]) -> None:
    names = []
    for index, found in enumerate(list_at(choice.get("tools"), "tool_choice.tools")):
        path = f"tool_choice.tools[{index}]"
        tool = object_at(found, path)
        if kind_of(tool) in ("function", "custom"):
            names.append(_named(to, tool, path))
        else:
            to.lose(path, f"{kind_of(tool) or 'this'} is no tool that the client runs by a function call")
    to.allow(names, "required" if choice.get("mode") == "required" else "auto")


FUNCTION_FIELDS: Table[RequestDocument] = Table(
    Rule("type", "carried", "tools", "function, custom and namespace tools; all others (web_search, file_search, mcp, "
         "tool_search, shell, ...) are dropped, named"),
    Rule("name", "carried", "name", "in a namespace: namespace__name, at most 64 of [a-zA-Z0-9_-]; restored in the "
         "answer"),
    Rule("description", "carried", "description"),
    Rule("parameters", "carried", "parameters or input_schema", "a plain object at its top for OpenAI and Anthropic"),
    Rule("strict", "carried", "strict", "where the upstream's strict mode takes the schema"),
    Rule("format", "approximated", "description", "custom tools are functions with one string `input`"),
    Rule("defer_loading", "approximated", "", "sent like any other tool"),
    Rule("output_schema", "dropped", reason="no upstream knows it"),
    Rule("async", "dropped", reason="no upstream knows it"),
    Rule("allowed_callers", "dropped", reason="programmatic calls are OpenAI's own", harmless=(["direct"],)),
)  # fmt: skip
"""Fields of one tool."""
