"""Turns in the client's order -> Anthropic's system blocks and messages.

Anthropic wants: every `tool_result` at the head of the user turn right after its `tool_use`; no empty text; ids of
letters, digits, `_` and `-`, none twice; a user turn first; role:system messages right after a user turn only, and
only for some models.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from llmgateway.profiles import ClaudeFamily
from llmgateway.translate.chat_conversation import NO_RESULT
from llmgateway.translate.rules import Losses
from llmgateway.translate.shapes import refuse
from llmgateway.translate.tool_names import CallIds

Block = dict[str, Any]
START = "(the conversation begins with the assistant)"
CONTINUE = "Continue exactly where your last message ends, without repeating any of it."
NOTHING_SAID = "(no message)"
MOST_BREAKPOINTS = 4
"""Anthropic's limit of cache breakpoints."""


class BuiltConversation(Struct):
    """What `MessagesConversation.finish` gives."""

    system: list[Block]
    messages: list[dict[str, Any]]


class MessagesConversation:
    """Built turn by turn; `finish` gives system and messages."""

    def __init__(
        self, family: ClaudeFamily, losses: Losses, *, held: str, first_only: bool, system_in_place: bool
    ) -> None:
        """`held`: the client's field of turns; `system_in_place`: late system messages stay where they may."""
        self._family = family
        self._losses = losses
        self._held = held
        self._first_only = first_only
        self._in_place = system_in_place and family.system_in_conversation
        self._ids = CallIds(plain=True, unique=True)
        self._system: list[Block] = []
        self._messages: list[dict[str, Any]] = []
        self._user: list[Block] = []
        self._results: dict[str, Block] = {}
        self._late_system: list[tuple[Block, str]] = []
        self._calls: list[tuple[str, str]] = []
        self._called: set[str] = set()
        self._answers: dict[str, list[Block]] = {}
        self._breakpoints = 0

    def system(self, blocks: Iterable[Block], path: str) -> None:
        """A system or developer message, wherever it stands."""
        found = [block for block in blocks if block["text"].strip()]
        if self._first_only and self._system and found:
            self._losses.lose(path, "only the first system message is kept here (systemMessages: First)")
        elif self._first_only or not (self._messages or self._user or self._results or self._late_system):
            self._system.extend(found)
        else:
            self._late_system.extend((block, path) for block in found)

    def instruct(self, text: str) -> None:
        """One more text for the system field."""
        self._system.append({"type": "text", "text": text})

    def user(self, blocks: Iterable[Block]) -> None:
        """What the user says; it joins a user turn that is open."""
        self._user.extend(block for block in blocks if _holds_something(block))

    def result(self, client_id: str, content: str | list[Block], path: str) -> None:
        """A tool's result; a second one for the same call replaces the first. Raises TurnRefused without its call."""
        if client_id in self._called:
            self._results[client_id] = {"content": content} if content else {}
        elif client_id in self._answers:
            for block in self._answers[client_id]:
                block["content"] = content
        else:
            refuse(path, f"there is no tool call {client_id!r} that this could be the result of")

    def assistant(self, blocks: Iterable[Block]) -> None:
        """Text and thinking of the model; it joins an assistant turn that is open."""
        kept = [block for block in blocks if _holds_something(block)]
        if kept:
            self._assistant_content().extend(kept)

    def call(self, client_id: str, name: str, arguments: dict[str, Any]) -> None:
        """A tool call of the model; `name` is the upstream's."""
        content = self._assistant_content()
        upstream_id = self._ids.new(client_id)
        self._calls.append((client_id, upstream_id))
        self._called.add(client_id)
        content.append({"type": "tool_use", "id": upstream_id, "name": name, "input": arguments})

    def breakpoint(self, path: str) -> bool:
        """True while one more cache breakpoint is allowed; a loss otherwise."""
        self._breakpoints += 1
        if self._breakpoints > MOST_BREAKPOINTS:
            self._losses.lose_kind("breakpoint", path, f"Anthropic takes {MOST_BREAKPOINTS} cache breakpoints")
        return self._breakpoints <= MOST_BREAKPOINTS

    def open_tool_loop(self) -> bool:
        """True when the last assistant turn called tools, has no thinking in front, and its results are the newest."""
        self._close_user()
        if len(self._messages) < 2 or self._messages[-1]["role"] == "assistant":
            return False
        newest, before = self._messages[-1]["content"], self._messages[-2]["content"]
        answers = self._messages[-1]["role"] == "user" and newest[0]["type"] == "tool_result"
        return answers and before[0]["type"] not in ("thinking", "redacted_thinking")

    def finish(self, *, thinking: bool) -> BuiltConversation:
        """`thinking`: whether the model thinks in this turn; if not, no thinking of earlier turns may be there."""
        self._close_user()
        if not thinking:
            self._drop_thinking()
        if not self._messages:
            self._messages.append(_user_text(NOTHING_SAID))
        if self._messages[0]["role"] == "assistant":
            self._messages.insert(0, _user_text(START))
        if self._messages[-1]["role"] == "assistant":
            self._settle_prefill(thinking=thinking)
        return BuiltConversation(self._system, self._messages)

    def _assistant_content(self) -> list[Block]:
        if self._user or self._results or self._late_system:
            self._close_user()
        if not self._messages or self._messages[-1]["role"] != "assistant":
            self._messages.append({"role": "assistant", "content": []})
        content: list[Block] = self._messages[-1]["content"]
        return content

    def _close_user(self) -> None:
        if not (self._user or self._results or self._late_system):
            return
        content: list[Block] = []
        if self._user or self._results:
            content = self._result_blocks() + self._user
            self._messages.append({"role": "user", "content": content})
        late, self._late_system = self._late_system, []
        self._user, self._results = [], {}
        self._place_system(late, after_user=bool(content))

    def _result_blocks(self) -> list[Block]:
        blocks: list[Block] = []
        for client_id, upstream_id in self._calls:
            result = self._results.get(client_id, {"content": NO_RESULT})
            blocks.append({"type": "tool_result", "tool_use_id": upstream_id, **result})
            self._answers.setdefault(client_id, []).append(blocks[-1])
        self._calls, self._called = [], set()
        return blocks

    def _place_system(self, late: list[tuple[Block, str]], *, after_user: bool) -> None:
        if late and self._in_place and after_user:
            self._messages.append({"role": "system", "content": [block for block, _ in late]})
            return
        for block, path in late:
            self._system.append(block)
            self._losses.lose(path, "a system message after the first turn: moved up to the others")

    def _drop_thinking(self) -> None:
        kept = []
        for message in self._messages:
            if message["role"] == "assistant":
                message["content"] = [block for block in message["content"] if block["type"] != "thinking"]
            if message["content"]:
                kept.append(message)
        self._messages = kept

    def _settle_prefill(self, *, thinking: bool) -> None:
        last = self._messages[-1]["content"][-1]
        if last["type"] == "tool_use":
            return
        if last["type"] == "text" and self._family.prefill and not thinking:
            last["text"] = last["text"].rstrip()  # Anthropic refuses a prefill that ends in white space
        else:
            self._messages.append(_user_text(CONTINUE))
            self._losses.lose(self._held, "this model continues no assistant message: it is asked to in words")


def _holds_something(block: Block) -> bool:
    """Anthropic refuses text blocks of nothing or white space only."""
    return block["type"] != "text" or bool(block["text"].strip())


def _user_text(text: str) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": text}]}
