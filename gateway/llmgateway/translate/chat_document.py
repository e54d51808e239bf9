"""A chat request in the making: what every translation into a chat upstream shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from llmgateway.profiles import openai_family
from llmgateway.translate.chat_conversation import ChatConversation
from llmgateway.translate.request_document import RequestDocument, ToolMode
from llmgateway.translate.thinking_wish import tell_chat
from llmgateway.translate.tool_names import ToolNames
from llmgateway.translate.tool_schemas import is_closed, object_schema
from llmgateway.translate.translated import Target, Translated

MOST_STOPS = 4
"""OpenAI's limit of stop strings."""
LONGEST_NAME = 64
"""OpenAI's limit of a tool's name."""
LONGEST_USER = 64
"""OpenAI's limit of `user`."""


class ChatDocument(RequestDocument):
    """The document, its conversation and its tools; `finish` puts them together."""

    def __init__(self, target: Target, *, held: str = "messages") -> None:
        """`held`: the client's field of turns."""
        self.openai = target.type == "OpenAI"
        super().__init__(target, ToolNames(LONGEST_NAME if self.openai else None))
        self.document |= {"messages": [], "stream": False}
        self._held = held
        self.conversation = ChatConversation(target, self)
        self.choice: Any = None
        self.carries_reasoning = target.type in ("VLLM", "LlamaCpp")
        self.takes_sampling = not (self.openai and openai_family(target.model).always_reasons)

    def declare(self, name: str, description: Any, schema: Any, path: str, *, strict: Any = None) -> None:
        """One function under its upstream name; a second one of that name is a loss."""
        if name in self.tools:
            self.lose(path, f"a tool named {name} is there already")
            return
        function: dict[str, Any] = {"name": name}
        if isinstance(description, str) and description:
            function["description"] = description
        function["parameters"] = self._parameters(schema, path)
        if isinstance(strict, bool):
            if strict and self.openai and not is_closed(function["parameters"], all_required=True):
                self.lose(f"{path}.strict", "OpenAI's strict mode wants every property required and no others")
            else:
                function["strict"] = strict
        self.tools[name] = {"type": "function", "function": function}

    def _parameters(self, schema: Any, path: str) -> Any:
        if not self.openai:
            return schema if isinstance(schema, Mapping) else {"type": "object", "properties": {}}
        rewritten, changed = object_schema(schema)
        if changed:
            self.lose(path, "OpenAI takes a plain object at the top of a schema only: alternatives were merged")
        return rewritten

    def force(self, name: str) -> None:
        self.choice = {"type": "function", "function": {"name": name}}

    def choose_mode(self, mode: ToolMode) -> None:
        self.choice = mode

    def allow(self, names: list[str], mode: ToolMode) -> None:
        """OpenAI keeps all tools, and with them its prompt cache; other servers get the allowed ones only."""
        kept = [name for name in names if name in self.tools]
        if self.openai:
            tools = [{"type": "function", "function": {"name": name}} for name in kept]
            self.choice = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}
        else:
            self.tools = {name: tool for name, tool in self.tools.items() if name in kept}
            self.choice = mode

    def stop(self, strings: list[Any], path: str) -> None:
        """Stop strings; OpenAI takes four."""
        if not self.takes_sampling and strings:
            self.lose(path, "this model takes no stop strings")
            return
        kept = strings[:MOST_STOPS] if self.openai else strings
        if kept:
            self.document["stop"] = kept
        if len(kept) < len(strings):
            self.lose(f"{path}[{MOST_STOPS}]", "OpenAI takes four stop strings")

    def sampling(self, name: str, value: Any) -> None:
        """temperature or top_p."""
        if self.takes_sampling:
            self.document[name] = value
        elif value != 1:
            self.lose(name, "this model samples in its own way only")

    def max_tokens(self, value: Any) -> None:
        """The longest answer, in the field that the upstream knows."""
        self.document["max_completion_tokens" if self.openai else "max_tokens"] = value

    def user(self, value: Any) -> None:
        """The end user; an id longer than OpenAI takes is hashed."""
        if self.openai and isinstance(value, str) and len(value) > LONGEST_USER:
            value = sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
        self.document["user"] = value

    def stream(self, value: Any) -> None:
        """Streams always ask for usage; the encoder shows it to clients that asked too."""
        self.document["stream"] = value is True
        if value is True:
            self.document["stream_options"] = {"include_usage": True}

    def json_schema(self, name: Any, schema: Any, path: str, *, strict: Any = None, description: Any = None) -> None:
        wanted: dict[str, Any] = {"name": name if isinstance(name, str) and name else "output"}
        if isinstance(description, str):
            wanted["description"] = description
        wanted["schema"] = schema
        if strict and self.openai and not is_closed(schema, all_required=True):
            self.lose(path, "OpenAI's strict mode wants every property required and no others: not strict")
        elif strict is not None:
            wanted["strict"] = strict
        self.document["response_format"] = {"type": "json_schema", "json_schema": wanted}

    def json_object(self, path: str) -> None:
        self.document["response_format"] = {"type": "json_object"}

    def finish(self) -> Translated:
        """The whole request."""
        document = self.document
        document["messages"] = self.conversation.finish()
        if self.tools:
            document["tools"] = list(self.tools.values())
            if self.choice is not None:
                document["tool_choice"] = self.choice
            if self.parallel is not None:
                document["parallel_tool_calls"] = self.parallel
        elif self.choice not in (None, "none", "auto"):
            self.lose("tool_choice", "no tool is left to choose")
        tell_chat(self.wish, self.target, document, self)
        self._continue_prefill()
        return Translated(document=document, losses=self.losses, tools=self.names.identities)

    def _continue_prefill(self) -> None:
        last = self.document["messages"][-1]
        if last["role"] != "assistant" or "tool_calls" in last:
            return
        if self.target.type == "VLLM":
            self.document |= {"add_generation_prompt": False, "continue_final_message": True}
        elif self.openai:
            self.lose(self._held, "OpenAI begins a new answer instead of continuing the last assistant message")


def carry(name: str) -> Callable[[ChatDocument, Any], None]:
    """A field that goes to `name` as it is."""

    def put(to: ChatDocument, value: Any) -> None:
        to.document[name] = value

    return put


def carry_to_openai(name: str, path: str, reason: str) -> Callable[[ChatDocument, Any], None]:
    """A field that only OpenAI's own API knows; elsewhere a loss."""

    def put(to: ChatDocument, value: Any) -> None:
        if to.openai:
            to.document[name] = value
        else:
            to.lose(path, reason)

    return put
