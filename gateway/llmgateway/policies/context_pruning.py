"""Keeps a conversation inside its window: from `pruneAt` (75 %) down to `pruneTo` (65 %).

What goes is a function of the conversation alone, replayed from its first message: each prune of the past is decided
again as it was decided then, so the kept prefix is the same in every request until the next prune is due, and the
upstream's prefix cache keeps hitting. Nothing has to be remembered between requests, and any replica comes to the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from llmgateway.policies.conversation import Conversation, Dialect, Document, Unit, objects_in
from llmgateway.policies.message_content import cut_middle, message_size, texts_of, with_texts
from llmgateway.policies.shortened_document import keeps_thinking, shortened, without_thinking
from llmgateway.policies.token_estimate import tokens_in
from llmgateway_api.policy import Context, ToolResults

MARKER_SIZE = 160
_ORDER = {"tools": 0, "assistant": 1, "user": 2}
"""Tool results go first (with their calls), then assistant text, then user messages; oldest first in each."""


class Pruned(Struct, frozen=True, kw_only=True):
    """What pruning came to. `messages` and `tokens` are what went, `results` the tool results that were cut."""

    document: Document
    messages: int
    results: int
    tokens: int
    tokens_left: int
    over: bool
    """Even so the conversation is above the share at which pruning begins."""


class Shorter(Struct, frozen=True):
    """A message whose tool results were cut, and by how much its size shrank."""

    message: Any
    saved: int


class Plan(Struct):
    """Places of messages that go, and the shorter forms of some that stay."""

    dropped: set[int] = field(default_factory=set)
    replaced: dict[int, Shorter] = field(default_factory=dict)
    dropped_size: int = 0
    saved: int = 0
    size_left: int = 0


def prunes(dialect: Dialect, context: Context) -> bool:
    """Auto leaves messages upstreams alone: their thinking signatures bind the exact prefix."""
    return context.prune == "Always" or (context.prune == "Auto" and dialect == "chat")


def prune(document: Document, conversation: Conversation, context: Context, window: int, ratio: float) -> Pruned | None:
    """The pruned document; None when nothing has to go. `window` in tokens, `ratio` in bytes per token."""
    if not prunes(conversation.dialect, context) or conversation.size <= context.prune_at * window * ratio:
        return None
    plan = plan_of(conversation, context, window, ratio)
    if not plan.dropped and not plan.replaced:
        return None
    tokens = tokens_in(plan.dropped_size, ratio)
    marker = _marker(len(plan.dropped), tokens) if plan.dropped else ""
    replaced = {place: shorter.message for place, shorter in plan.replaced.items()}
    made = shortened(document, conversation, plan.dropped, replaced=replaced, marker=marker)
    if conversation.dialect == "messages" and not keeps_thinking(document):
        made = without_thinking(made)
    return Pruned(
        document=made,
        messages=len(plan.dropped),
        results=len(plan.replaced),
        tokens=tokens_in(plan.dropped_size + plan.saved, ratio),
        tokens_left=tokens_in(plan.size_left, ratio),
        over=plan.size_left > context.prune_at * window * ratio,
    )


def plan_of(conversation: Conversation, context: Context, window: int, ratio: float) -> Plan:
    """What goes by now. The plan of a longer conversation holds the plan of each of its beginnings."""
    return _Replay(conversation, context, window * ratio).run()


def _marker(messages: int, tokens: int) -> str:
    were = "message was" if messages == 1 else "messages were"
    return f"[{messages} earlier {were} left out here (about {tokens} tokens) to fit the context window.]"


class _Replay:
    """Walks the units in order and prunes whenever a request that ended there would have been too large.

    Messages upstreams: decided only where the user speaks (never inside an open tool loop), and whole user turns go.
    """

    def __init__(self, conversation: Conversation, context: Context, room: float) -> None:
        self._conversation = conversation
        self._context = context
        self._high = context.prune_at * room
        self._low = context.prune_to * room
        self._by_turn = conversation.dialect == "messages"
        self._size = conversation.fixed_size
        self._groups: list[list[Unit]] = []
        self._results: list[int] = []
        self._plan = Plan()

    def run(self) -> Plan:
        for unit in self._conversation.units:
            self._take(unit)
            if self._size > self._high and self._decides(unit):
                self._prune(unit)
        self._plan.size_left = self._size
        return self._plan

    def _decides(self, unit: Unit) -> bool:
        return unit.kind == "user" if self._by_turn else unit.kind in ("user", "tools")

    def _take(self, unit: Unit) -> None:
        self._size += unit.size
        first = self._conversation.first_user
        if unit.kind == "tools":
            places = range(unit.start, unit.end)
            self._results += [place for place in places if self._conversation.messages[place].role == "tool"]
        if unit.kind == "system" or (first is not None and unit.start <= first < unit.end):
            return
        if self._by_turn and unit.kind != "user" and self._groups:
            self._groups[-1].append(unit)
        else:
            self._groups.append([unit])

    def _prune(self, newest: Unit) -> None:
        protected = min(newest.start, newest.end - self._context.keep_last)
        going: list[list[Unit]] = []
        for group in self._groups:
            if group[-1].end > protected:
                break
            going.append(group)
        if not self._by_turn:
            going.sort(key=lambda group: _ORDER[group[0].kind])
        for group in going:
            if self._size <= self._low:
                break
            self._drop(group)
        self._groups = [group for group in self._groups if group[0].start not in self._plan.dropped]
        self._cut_results()

    def _drop(self, group: list[Unit]) -> None:
        plan = self._plan
        if not plan.dropped:
            self._size += MARKER_SIZE
        for unit in group:
            places = range(unit.start, unit.end)
            saved = sum(plan.replaced.pop(place).saved for place in places if place in plan.replaced)
            plan.dropped.update(places)
            plan.dropped_size += unit.size
            plan.saved -= saved
            self._size -= unit.size - saved

    def _cut_results(self) -> None:
        """Oldest first, so that what the model asked for just now stays whole as long as possible."""
        waiting: list[int] = []
        for place in self._results:
            if place in self._plan.dropped:
                continue
            if self._size <= self._low:
                waiting.append(place)
                continue
            message = self._conversation.raw[place]
            made = cut_result(message, self._context.tool_results)
            if made is not message:
                self._replace(place, message, made)
        self._results = waiting

    def _replace(self, place: int, message: Any, made: Any) -> None:
        saved = message_size(message) - message_size(made)
        self._plan.replaced[place] = Shorter(made, saved)
        self._plan.saved += saved
        self._size -= saved


def cut_result(message: Any, limits: ToolResults) -> Any:
    """A message with its long tool results cut to head and tail; the same object where none is long."""
    if not isinstance(message, Mapping):
        return message
    if not any(block.get("type") == "tool_result" for block in objects_in(message.get("content"))):
        return _cut_content(message, limits)
    blocks = [
        _cut_content(block, limits) if isinstance(block, Mapping) and block.get("type") == "tool_result" else block
        for block in message["content"]
    ]
    same = all(made is block for made, block in zip(blocks, message["content"], strict=True))
    return message if same else {**message, "content": blocks}


def _cut_content(holder: Mapping[str, Any], limits: ToolResults) -> Mapping[str, Any]:
    content = holder.get("content")
    texts = texts_of(content)
    cut = [_cut_text(text, limits) for text in texts]
    return holder if cut == texts else {**holder, "content": with_texts(content, cut)}


def _cut_text(text: str, limits: ToolResults) -> str:
    return cut_middle([text], limits.head, limits.tail)[0] if len(text) > limits.longer else text
