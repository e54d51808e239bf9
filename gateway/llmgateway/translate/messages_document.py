"""A Messages request in the making: what every translation into an Anthropic upstream shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgateway.profiles import claude_family
from llmgateway.translate.claude_thinking import tell_claude
from llmgateway.translate.messages_conversation import MessagesConversation
from llmgateway.translate.request_document import RequestDocument, ToolMode
from llmgateway.translate.shapes import refuse
from llmgateway.translate.tool_names import ToolNames
from llmgateway.translate.tool_schemas import closed, is_closed, object_schema
from llmgateway.translate.translated import Target, Translated
from llmgateway.wire import json_codec

VERSION = "2023-06-01"
"""`anthropic-version` of every document written here: the newer one refuses sampling even where a model takes it."""
DEFAULT_MAX_TOKENS = 32_000
LONGEST_NAME = 128
MOST_STRICT_TOOLS = 20
RAW = "_raw"
"""The key that carries arguments which are no JSON object."""


class MessagesDocument(RequestDocument):
    """The document, its conversation and its tools; `finish` puts them together."""

    def __init__(self, target: Target, *, system_in_place: bool, held: str = "messages") -> None:
        """`held`: the client's field of turns."""
        super().__init__(target, ToolNames(LONGEST_NAME))
        self.family = claude_family(target.model)
        self.conversation = MessagesConversation(
            self.family,
            self,
            held=held,
            first_only=target.system_messages == "First",
            system_in_place=system_in_place,
        )
        self.choice: dict[str, Any] | None = None
        self.instructions: list[str] = []
        self._strict_tools = 0

    def declare(self, name: str, description: Any, schema: Any, path: str, *, strict: Any = None) -> None:
        """One tool under its upstream name; a second one of that name is a loss."""
        if name in self.tools:
            self.lose(path, f"a tool named {name} is there already")
            return
        tool: dict[str, Any] = {"name": name}
        if isinstance(description, str) and description:
            tool["description"] = description
        tool["input_schema"], changed = object_schema(schema)
        if changed:
            self.lose(path, "Anthropic takes a plain object at the top of a schema only: alternatives were merged")
        if strict is True:
            self._strict(tool, path)
        self.tools[name] = tool

    def _strict(self, tool: dict[str, Any], path: str) -> None:
        fits = self.family.structured_output and is_closed(tool["input_schema"], all_required=False)
        if fits and self._strict_tools < MOST_STRICT_TOOLS:
            tool["strict"] = True
            self._strict_tools += 1
        else:
            self.lose(f"{path}.strict", "beyond what Anthropic's strict tools take")

    def force(self, name: str) -> None:
        self.choice = {"type": "tool", "name": name}

    def choose_mode(self, mode: ToolMode) -> None:
        self.choice = {"type": "any" if mode == "required" else mode}

    def allow(self, names: list[str], mode: ToolMode) -> None:
        """Anthropic has no such choice: the other tools are left out."""
        self.tools = {name: tool for name, tool in self.tools.items() if name in names}
        self.choose_mode(mode)

    def arguments(self, text: Any, path: str) -> dict[str, Any]:
        """A call's arguments as an object; text that is none is kept under `_raw`."""
        if not isinstance(text, str):
            if isinstance(text, dict):
                return text
            if text is not None:
                refuse(path, "must be a string of JSON")
            return {}
        if not text.strip():
            return {}
        try:
            found = json_codec.decode(text)
        except json_codec.InvalidJSON:
            found = None
        if isinstance(found, dict):
            return found
        self.lose(path, f"no JSON object: kept as text under {RAW}")
        return {RAW: text}

    def sampling(self, name: str, value: Any) -> None:
        """temperature, top_p or top_k, where the generation takes them."""
        if self.family.sampling == "none" or self.target.type == "ClaudeAgent":
            if value != 1 or name == "top_k":
                self.lose(name, "this model takes no sampling parameters")
            return
        if name == "temperature" and isinstance(value, int | float) and value > 1:
            self.lose(name, "Anthropic's temperature ends at 1")
            value = 1
        if name == "top_p" and self.family.sampling == "one" and "temperature" in self.document:
            self.lose(name, "this model takes temperature or top_p, not both")
        else:
            self.document[name] = value

    def json_schema(self, name: Any, schema: Any, path: str, *, strict: Any = None, description: Any = None) -> None:
        """Natively or, for older models, in words; Anthropic's is strict always and has no name."""
        if self.family.structured_output:
            wanted = {"type": "json_schema", "schema": closed(schema)}
            self.document.setdefault("output_config", {})["format"] = wanted
            return
        text = json_codec.encode(schema).decode()
        self.instruct(f"Answer with nothing but a JSON value that matches this JSON Schema:\n{text}", path)

    def json_object(self, path: str) -> None:
        self.instruct("Answer with nothing but one JSON object.", path)

    def instruct(self, text: str, path: str) -> None:
        """Say in words what the upstream has no field for."""
        self.instructions.append(text)
        self.lose(path, "Anthropic has no such mode here: the model is told in words")

    def finish(self) -> Translated:
        """The whole request."""
        document = self.document
        self._settle_tools()
        document.setdefault("max_tokens", self._most_tokens())
        self._settle_thinking()
        thinking = document.get("thinking", {}).get("type")
        thinks = thinking in ("adaptive", "enabled") or (thinking is None and self.family.thinking_default != "off")
        for text in self.instructions:
            self.conversation.instruct(text)
        built = self.conversation.finish(thinking=thinks)
        if built.system:
            document["system"] = built.system
        document["messages"] = built.messages
        headers = {"anthropic-version": VERSION}
        return Translated(document=document, losses=self.losses, tools=self.names.identities, headers=headers)

    def _most_tokens(self) -> int:
        return self.target.default_max_tokens or min(DEFAULT_MAX_TOKENS, self.family.max_tokens)

    def _settle_tools(self) -> None:
        if not self.tools:
            if self.choice is not None and self.choice["type"] in ("any", "tool"):
                self.lose("tool_choice", "no tool is left to choose")
            return
        self.document["tools"] = list(self.tools.values())
        if self.parallel is False and (self.choice is None or self.choice["type"] != "none"):
            self.choice = {**(self.choice or {"type": "auto"}), "disable_parallel_tool_use": True}
        if self.choice is not None:
            self.document["tool_choice"] = self.choice

    def _settle_thinking(self) -> None:
        document = self.document
        forced = document.get("tool_choice", {}).get("type") in ("any", "tool")
        tell_claude(self.wish, self.family, document, self, forced=forced)
        kind = document.get("thinking", {}).get("type")
        if kind == "enabled" and self.conversation.open_tool_loop():
            del document["thinking"]
            self.lose(self.wish.path, "thinking can't begin in the middle of a tool loop on this model")
        if document.get("thinking", {}).get("type") in ("enabled", "adaptive"):
            self._drop_sampling()

    def _drop_sampling(self) -> None:
        for name in ("temperature", "top_p", "top_k"):
            if name in self.document and self.document.pop(name) != 1:
                self.lose(name, "a thinking model samples in its own way only")


def user_id(to: MessagesDocument, value: Any) -> None:
    """The end user, from whichever field named one first."""
    if not isinstance(value, str):
        to.lose("user", "must be a string")
        return
    metadata: dict[str, Any] = to.document.setdefault("metadata", {})
    metadata.setdefault("user_id", value)


def stop_sequences(to: MessagesDocument, value: Any, path: str) -> None:
    """Stop strings without blank ones, which Anthropic refuses."""
    strings = [value] if isinstance(value, str) else value
    if not isinstance(strings, list):
        refuse(path, "must be a string or an array of strings")
    kept = [text for text in strings if isinstance(text, str) and text.strip()]
    if len(kept) < len(strings):
        to.lose(path, "Anthropic takes no blank stop strings")
    if kept:
        to.document["stop_sequences"] = kept


def wish_object(value: Any) -> Mapping[str, Any]:
    """The value where it is an object, else an empty one."""
    return value if isinstance(value, Mapping) else {}
