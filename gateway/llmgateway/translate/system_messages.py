"""System messages after the first, which most chat templates refuse: marked text that stays in its place.

Folded, every earlier turn keeps its bytes when the conversation grows, so the upstream's prefix cache stays warm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SYSTEM_ROLES = ("system", "developer")


def reminder(text: str) -> str:
    """A system text as part of a user turn, in the marking that agent models know."""
    return f"<system-reminder>\n{text}\n</system-reminder>"


def text_of_content(content: Any) -> str:
    """The text of chat content: a string, or the text parts joined by blank lines."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = (part.get("text") for part in content if isinstance(part, Mapping))
    return "\n\n".join(text for text in texts if isinstance(text, str) and text)


def must_fold(roles: list[str], *, takes_developer: bool) -> bool:
    """True when messages of these roles have a system message after the first message.

    `takes_developer`: the upstream knows the role `developer`; chat templates don't: there a leading one counts.
    """
    late = any(role in SYSTEM_ROLES for role in roles[1:])
    return late or (not takes_developer and roles[:1] == ["developer"])


def fold_messages(messages: list[Any], *, first_only: bool) -> tuple[list[Any], list[int]]:
    """Chat messages with one leading system message at most, and the positions of those left out.

    Leading ones are merged; later ones become marked text of the user turn that they stand in (`first_only`: they are
    left out, and the first comes first wherever it stood). Messages of other roles are the same objects, unless text
    was folded into them.
    """
    folding = _Folding(first_only)
    for position, message in enumerate(messages):
        folding.add(position, message)
    return folding.finish(), folding.left_out


class _Folding:
    """Reminders are collected and joined once per turn: joining them one by one would be quadratic."""

    def __init__(self, first_only: bool) -> None:
        self.left_out: list[int] = []
        self._first_only = first_only
        self._leading: list[str] = []
        self._folded: list[Any] = []
        self._reminders: list[str] = []

    def add(self, position: int, message: Any) -> None:
        role = message.get("role") if isinstance(message, Mapping) else None
        if role in SYSTEM_ROLES:
            self._system(position, text_of_content(message.get("content")))
            return
        if self._reminders and role == "user" and not self._after_user():
            message = _with_text(message, before="\n\n".join(self._reminders))
            self._reminders = []
        elif role != "tool" or self._after_user():
            self._settle()
        self._folded.append(message)

    def finish(self) -> list[Any]:
        self._settle()
        if self._leading:
            text = "\n\n".join(text for text in self._leading if text)
            self._folded.insert(0, {"role": "system", "content": text})
        return self._folded

    def _system(self, position: int, text: str) -> None:
        began = bool(self._folded or self._reminders)
        if not self._leading if self._first_only else not began:
            self._leading.append(text)
        elif self._first_only:
            self.left_out.append(position)
        elif text:
            self._reminders.append(reminder(text))

    def _after_user(self) -> bool:
        last = self._folded[-1] if self._folded else None
        return isinstance(last, Mapping) and last.get("role") == "user"

    def _settle(self) -> None:
        if not self._reminders:
            return
        text = "\n\n".join(self._reminders)
        self._reminders = []
        if self._after_user():
            self._folded[-1] = _with_text(self._folded[-1], after=text)
        else:
            self._folded.append({"role": "user", "content": text})


def _with_text(message: Mapping[str, Any], *, before: str = "", after: str = "") -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, list):
        parts = [{"type": "text", "text": text} for text in (before, after) if text]
        return {**message, "content": parts + content if before else content + parts}
    texts = (before, content if isinstance(content, str) else "", after)
    return {**message, "content": "\n\n".join(text for text in texts if text)}
