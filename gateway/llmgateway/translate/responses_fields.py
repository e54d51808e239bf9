"""Fields of a Responses request that go the same way to every upstream."""

from __future__ import annotations

from typing import Any

from llmgateway.translate.request_document import RequestDocument, nothing, sample, wish_effort, wish_thinking
from llmgateway.translate.responses_tools import choose_tool, declare_tools
from llmgateway.translate.rules import Rule, Table
from llmgateway.translate.shapes import object_at, refuse


def text_format(to: RequestDocument, value: Any) -> None:
    """text.format: its schema lies at its top level here."""
    wanted = object_at(value, "text.format")
    kind = wanted.get("type")
    if kind == "json_schema":
        strict, description = wanted.get("strict"), wanted.get("description")
        to.json_schema(wanted.get("name"), wanted.get("schema"), "text.format", strict=strict, description=description)
    elif kind == "json_object":
        to.json_object("text.format")
    elif kind != "text":
        to.lose("text.format", "only text, json_object and json_schema are known")


def _summary(to: RequestDocument, value: Any) -> None:
    to.wish.show = to.wish.show or value not in ("none", False)


def _reasoning(to: RequestDocument, value: Any) -> None:
    REASONING.apply(to, object_at(value, "reasoning"), "reasoning.")


def _parallel(to: RequestDocument, value: Any) -> None:
    to.parallel = False if value is False else None


def _prompt(to: RequestDocument, value: Any) -> None:
    refuse("prompt", "prompt templates are stored at OpenAI: send the text itself")


REASONING: Table[RequestDocument] = Table(
    Rule("effort", "approximated", "reasoning_effort, or output_config.effort and thinking",
         "the nearest effort, or the switch, of the model's family", wish_effort("reasoning.effort")),
    Rule("summary", "approximated", "thinking.display", "Claude's reasoning is shown summarized; others as it is",
         _summary),
    Rule("generate_summary", "approximated", "thinking.display", "older name of summary", _summary),
    Rule("context", "dropped", reason="OpenAI's own", harmless=("auto",)),
    Rule("mode", "dropped", reason="OpenAI's own", harmless=("standard",)),
)  # fmt: skip

TOOL_RULES: tuple[Rule[RequestDocument], ...] = (
    Rule("model", "carried", "model", "as the upstream names it", nothing),
    Rule("tools", "carried", "tools", "functions, freeform tools and namespaces; see tools below", declare_tools),
)
"""Before the input: history names tools."""

CHOICE_RULES: tuple[Rule[RequestDocument], ...] = (
    Rule("tool_choice", "carried", "tool_choice", "hosted tools can't be chosen", choose_tool),
    Rule("parallel_tool_calls", "carried", "parallel_tool_calls or disable_parallel_tool_use", "", _parallel),
)
"""After the input, which may bring tools of its own."""

SHARED_RULES: tuple[Rule[RequestDocument], ...] = (
    Rule("thinking", "consumed", "reasoning_effort or thinking", "the gateway's own extension", wish_thinking),
    Rule("reasoning", "approximated", "", "field by field", _reasoning),
    Rule("effort", "consumed", "reasoning_effort or output_config.effort", "the gateway's own extension",
         wish_effort("effort")),
    Rule("profile", "consumed", reason="the gateway's own extension"),
    Rule("conversation_id", "consumed", reason="the gateway's own extension"),
    Rule("temperature", "approximated", "temperature", "where the model takes it", sample("temperature")),
    Rule("top_p", "approximated", "top_p", "where the model takes it", sample("top_p")),
    Rule("previous_response_id", "consumed", reason="the gateway's store puts the earlier items in front"),
    Rule("conversation", "consumed", reason="the gateway's store puts the earlier items in front"),
    Rule("store", "consumed", reason="the gateway's own store"),
    Rule("background", "consumed", reason="the gateway's own store"),
    Rule("include", "consumed", reason="the encoder of the answer acts on it"),
    Rule("stream_options", "consumed", reason="the encoder of the answer acts on it"),
    Rule("client_metadata", "consumed", reason="ids of the client's session, for the gateway's routing"),
    Rule("metadata", "consumed", reason="kept with the response"),
    Rule("truncation", "consumed", reason="the gateway's pruning policy acts on it"),
    Rule("prompt", "dropped", "", "refused: templates are stored at OpenAI", _prompt),
    Rule("max_tool_calls", "dropped", reason="it limits tools on OpenAI's servers"),
    Rule("context_management", "dropped", reason="OpenAI's own; the gateway's pruning policy is set in its spec",
         harmless=([],)),
    Rule("access_programs", "dropped", reason="OpenAI's own"),
    Rule("image", "dropped", reason="OpenAI's own"),
)  # fmt: skip
