"""Turns in the client's order -> chat messages that chat servers take.

A chat server wants: one leading system message; after an assistant message with calls, one `tool` message per call, in
the order of the calls, before anything else; text only in them; user and assistant in turn (templates). Texts are
collected and joined once per message, so that any conversation costs linear time.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from llmgateway.translate.rules import Losses
from llmgateway.translate.shapes import refuse
from llmgateway.translate.system_messages import reminder
from llmgateway.translate.tool_names import CallIds
from llmgateway.translate.translated import Target

NO_RESULT = "(no result)"
Part = str | dict[str, Any]
"""A piece of a user message: text, or a content part that is no text."""


class ChatCall(Struct):
    """One call of an assistant turn; `name` is the upstream's, `arguments` JSON text."""

    id: str
    name: str
    arguments: str


class _SystemText(Struct):
    text: str


class ChatConversation:
    """Built turn by turn; `finish` gives the messages."""

    def __init__(self, target: Target, losses: Losses) -> None:
        self._setting = target.system_messages or "Fold"
        self._ids = CallIds(limit=40 if target.type == "OpenAI" else None)
        self._losses = losses
        self._leading: list[str] = []
        self._messages: list[dict[str, Any]] = []
        self._user = _UserSide()
        self._assistant: _AssistantTurn | None = None
        self._calls: list[tuple[str, str]] = []  # (client's id, upstream's id), not answered yet
        self._called: set[str] = set()
        self._answers: dict[str, list[dict[str, Any]]] = {}
        self._reasoned: list[dict[str, Any]] = []

    def system(self, text: str, path: str) -> None:
        """A system or developer message, wherever it stands."""
        if not text:
            return
        if self._setting == "First" and self._leading:
            self._losses.lose(path, "only the first system message is kept here (systemMessages: First)")
        elif self._setting == "First" or not (self._messages or self._assistant or self._user):
            self._leading.append(text)
        else:
            self._user.pieces.append(reminder(text) if self._setting == "Fold" else _SystemText(text))

    def user(self, pieces: Iterable[Part]) -> None:
        """What the user says; it joins a user turn that is open."""
        before = len(self._user.pieces)
        self._user.pieces.extend(piece for piece in pieces if piece)
        self._user.spoke = self._user.spoke or len(self._user.pieces) > before

    def result(self, client_id: str, text: str, media: Iterable[Part], path: str) -> None:
        """A tool's result; a second one for the same call replaces the first. Raises TurnRefused without its call."""
        if client_id in self._called:
            self._user.results[client_id] = text
        elif client_id in self._answers:
            for message in self._answers[client_id]:
                message["content"] = text
        else:
            refuse(path, f"there is no tool call {client_id!r} that this could be the result of")
        self._user.media.extend(media)

    def assistant(self, texts: Iterable[str], calls: Iterable[ChatCall] = (), reasoning: str = "") -> None:
        """What the model said; it joins an assistant turn that is open."""
        texts, calls = [text for text in texts if text], list(calls)
        if not (texts or calls or reasoning):
            return
        if self._user:
            self._close_user()
        turn = self._assistant = self._assistant or _AssistantTurn()
        turn.texts.extend(texts)
        if reasoning:
            turn.reasoning.append(reasoning)
        for call in calls:
            upstream_id = self._ids.new(call.id)
            self._calls.append((call.id, upstream_id))
            self._called.add(call.id)
            function = {"name": call.name, "arguments": call.arguments}
            turn.calls.append({"id": upstream_id, "type": "function", "function": function})

    def finish(self) -> list[dict[str, Any]]:
        """All messages; a conversation without any turn is one empty user message."""
        if self._user:
            self._close_user()
        self._close_assistant()
        messages = self._messages or [{"role": "user", "content": ""}]
        if self._leading:
            return [{"role": "system", "content": "\n\n".join(self._leading)}, *messages]
        return messages

    def _close_assistant(self) -> None:
        if self._assistant is None:
            return
        turn, self._assistant = self._assistant, None
        if not (turn.texts or turn.calls):  # nothing but reasoning is no message
            return
        message = turn.message()
        self._messages.append(message)
        if "reasoning_content" in message:
            self._reasoned.append(message)

    def _close_user(self) -> None:
        self._close_assistant()
        side, self._user = self._user, _UserSide()
        for client_id, upstream_id in self._calls:
            text = side.results.get(client_id, NO_RESULT)
            message = {"role": "tool", "tool_call_id": upstream_id, "content": text}
            self._answers.setdefault(client_id, []).append(message)
            self._messages.append(message)
        self._calls, self._called = [], set()
        if side.spoke:
            self._forget_reasoning()
        self._messages.extend(side.messages())

    def _forget_reasoning(self) -> None:
        """Templates show reasoning only after the last thing the user said; earlier ones would cost a prefix."""
        for message in self._reasoned:
            del message["reasoning_content"]
        self._reasoned = []


class _UserSide:
    """What stands between two assistant turns."""

    def __init__(self) -> None:
        self.pieces: list[Part | _SystemText] = []
        self.media: list[Part] = []
        """What results hold beside text: tool messages can't."""
        self.results: dict[str, str] = {}
        self.spoke = False

    def __bool__(self) -> bool:
        return bool(self.pieces or self.results or self.media)

    def messages(self) -> list[dict[str, Any]]:
        """The pieces as user messages, parted by system messages where those are kept."""
        made: list[dict[str, Any]] = []
        run: list[Part] = list(self.media)
        for piece in self.pieces:
            if isinstance(piece, _SystemText):
                if run:
                    made.append(_user_message(run))
                    run = []
                made.append({"role": "system", "content": piece.text})
            else:
                run.append(piece)
        if run:
            made.append(_user_message(run))
        return made


class _AssistantTurn:
    def __init__(self) -> None:
        self.texts: list[str] = []
        self.calls: list[dict[str, Any]] = []
        self.reasoning: list[str] = []

    def message(self) -> dict[str, Any]:
        """One message; `content` is never null, which some servers refuse."""
        message: dict[str, Any] = {"role": "assistant", "content": "\n\n".join(self.texts)}
        if self.reasoning:
            message["reasoning_content"] = "\n\n".join(self.reasoning)
        if self.calls:
            message["tool_calls"] = self.calls
        return message


def _user_message(run: list[Part]) -> dict[str, Any]:
    texts = [piece for piece in run if isinstance(piece, str)]
    if len(texts) == len(run):
        return {"role": "user", "content": "\n\n".join(texts)}
    parts = [{"type": "text", "text": piece} if isinstance(piece, str) else piece for piece in run]
    return {"role": "user", "content": parts}
