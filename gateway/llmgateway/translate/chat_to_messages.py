"""Chat Completions request -> Anthropic Messages upstream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgateway.translate.chat_messages import add_messages
from llmgateway.translate.chat_tools import (
    choose_function,
    choose_tool,
    declare_functions,
    declare_tools,
    parallel_tool_calls,
)
from llmgateway.translate.messages_document import MessagesDocument, stop_sequences, user_id, wish_object
from llmgateway.translate.request_document import nothing, sample, wish_effort, wish_thinking
from llmgateway.translate.rules import Rule, Table
from llmgateway.translate.shapes import list_at, object_at, refuse
from llmgateway.translate.translated import Target, Translated


def chat_to_messages(request: Mapping[str, Any], target: Target) -> Translated:
    """Raises TurnRefused for what has no meaning upstream, with the field's path."""
    to = MessagesDocument(target, system_in_place=target.system_messages == "Keep")
    FIELDS.apply(to, request)
    if "messages" not in request:
        list_at(None, "messages")
    return to.finish()


def _n(to: MessagesDocument, value: Any) -> None:
    if value != 1:
        refuse("n", "this upstream gives one answer per request")


def _max_tokens(to: MessagesDocument, value: Any) -> None:
    to.document.setdefault("max_tokens", value)


def _response_format(to: MessagesDocument, value: Any) -> None:
    wanted = object_at(value, "response_format")
    kind = wanted.get("type")
    if kind == "json_schema":
        schema = object_at(wanted.get("json_schema"), "response_format.json_schema")
        to.json_schema(schema.get("name"), schema.get("schema"), "response_format")
    elif kind == "json_object":
        to.json_object("response_format")
    elif kind != "text":
        to.lose("response_format", "only text, json_object and json_schema are known")


def _service_tier(to: MessagesDocument, value: Any) -> None:
    if value in ("auto", "default"):
        to.document["service_tier"] = "auto" if value == "auto" else "standard_only"
    else:
        to.lose("service_tier", "Anthropic has no such tier")


def _template_arguments(to: MessagesDocument, value: Any) -> None:
    for name, content in wish_object(value).items():
        if name in ("enable_thinking", "thinking") and isinstance(content, bool):
            if not to.wish.explicit:
                to.wish.take_thinking(content)
        else:
            to.lose(f"chat_template_kwargs.{name}", "Claude models have no chat template")


def _reasoning(to: MessagesDocument, value: Any) -> None:
    to.wish.take_effort(wish_object(value).get("effort"), "reasoning.effort")


def stream(to: MessagesDocument, value: Any) -> None:
    """Anthropic streams usage always."""
    to.document["stream"] = value is True


FIELDS: Table[MessagesDocument] = Table(
    Rule("model", "carried", "model", "as the upstream names it", nothing),
    Rule("max_completion_tokens", "carried", "max_tokens", "goes before max_tokens", _max_tokens),
    Rule("max_tokens", "carried", "max_tokens", "when neither is there: the backend's default, else at most 32000",
         _max_tokens),
    Rule("tools", "carried", "tools", "functions and freeform tools", declare_tools),
    Rule("functions", "carried", "tools", "the older way", declare_functions),
    Rule("tool_choice", "carried", "tool_choice", "required = any; allowed_tools leaves the other tools out",
         choose_tool),
    Rule("function_call", "carried", "tool_choice", "the older way", choose_function),
    Rule("parallel_tool_calls", "carried", "tool_choice.disable_parallel_tool_use", "", parallel_tool_calls),
    Rule("thinking", "consumed", "thinking", "the gateway's own extension: adaptive, or a budget", wish_thinking),
    Rule("chat_template_kwargs", "consumed", "thinking", "enable_thinking and thinking; others are dropped",
         _template_arguments),
    Rule("reasoning", "consumed", "output_config.effort, thinking", "its effort", _reasoning),
    Rule("reasoning_effort", "approximated", "output_config.effort, thinking",
         "the nearest effort, or a budget, of the model's generation; a forced tool turns thinking off",
         wish_effort("reasoning_effort")),
    Rule("effort", "consumed", "output_config.effort", "the gateway's own extension", wish_effort("effort")),
    Rule("profile", "consumed", reason="the gateway's own extension"),
    Rule("conversation_id", "consumed", reason="the gateway's own extension"),
    Rule("messages", "carried", "system, messages", "see content below", add_messages),
    Rule("stream", "carried", "stream", "", stream),
    Rule("stream_options", "consumed", reason="the encoder of the answer acts on it"),
    Rule("stop", "carried", "stop_sequences", "without blank ones", lambda to,
         value: stop_sequences(to, value, "stop")),
    Rule("temperature", "approximated", "temperature", "before Claude 4.7 only, at most 1", sample("temperature")),
    Rule("top_p", "approximated", "top_p", "before Claude 4.7 only; from 4.1 on not beside temperature",
         sample("top_p")),
    Rule("top_k", "approximated", "top_k", "before Claude 4.7 only", sample("top_k")),
    Rule("response_format", "carried", "output_config.format",
         "closed objects; json_object, and schemas for models before 4.1, as an instruction", _response_format),
    Rule("user", "carried", "metadata.user_id", "", user_id),
    Rule("safety_identifier", "carried", "metadata.user_id", "where user is not given", user_id),
    Rule("service_tier", "approximated", "service_tier", "default = standard_only; others are dropped", _service_tier),
    Rule("n", "carried", "", "1; more is refused", _n),
    Rule("logprobs", "dropped", reason="Anthropic tells no probabilities", harmless=(False,)),
    Rule("top_logprobs", "dropped", reason="Anthropic tells no probabilities", harmless=(0,)),
    Rule("logit_bias", "dropped", reason="Anthropic has no such field", harmless=({},)),
    Rule("frequency_penalty", "dropped", reason="Anthropic has no such field", harmless=(0,)),
    Rule("presence_penalty", "dropped", reason="Anthropic has no such field", harmless=(0,)),
    Rule("min_p", "dropped", reason="Anthropic has no such field", harmless=(0,)),
    Rule("seed", "dropped", reason="Anthropic has no such field"),
    Rule("prediction", "dropped", reason="Anthropic has no such field"),
    Rule("modalities", "dropped", reason="Anthropic answers in text only", harmless=(["text"],)),
    Rule("audio", "dropped", reason="Anthropic answers in text only"),
    Rule("verbosity", "dropped", reason="Anthropic has no such field", harmless=("medium",)),
    Rule("web_search_options", "dropped", reason="a tool on OpenAI's servers"),
    Rule("metadata", "dropped", reason="Anthropic keeps a user id only", harmless=({},)),
    Rule("store", "dropped", reason="Anthropic stores no completions", harmless=(False,)),
    Rule("moderation", "dropped", reason="OpenAI's own"),
    Rule("prompt_cache_key", "consumed", reason="the gateway keeps a conversation on one upstream by itself"),
    Rule("prompt_cache_options", "dropped", reason="OpenAI's own; breakpoints in messages are carried"),
    Rule("prompt_cache_retention", "dropped", reason="OpenAI's own"),
)  # fmt: skip
"""Fields of a Chat Completions request (OpenAI API reference), and what other servers added to it."""
