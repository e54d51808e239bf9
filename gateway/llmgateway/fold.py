"""Events folded into one whole answer, so that streamed and whole answers share every mapping."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct, field

from llmgateway.events import (
    BlockClosed,
    Citation,
    Event,
    Opaque,
    ReasoningDelta,
    ReasoningSignature,
    RedactedReasoning,
    RefusalDelta,
    TextDelta,
    ToolArgumentsDelta,
    ToolCallStarted,
    TurnFailed,
    TurnFinished,
    TurnStarted,
    Usage,
    UsageReported,
)
from llmgateway.failures import Failure


class TextBlock(Struct):
    """Visible text; `logprobs` are the pieces' objects in order."""

    text: str
    citations: list[Citation] = field(default_factory=list)
    logprobs: list[Any] = field(default_factory=list)


class RefusalBlock(Struct):
    """The text of a refusal."""

    text: str


class ReasoningBlock(Struct):
    """Reasoning text with its producer's signature, where there is one."""

    text: str
    signature: str | None = None


class RedactedReasoningBlock(Struct):
    """Reasoning that only its producer can read."""

    data: str


class ToolCallBlock(Struct):
    """One tool call; `arguments` is JSON text exactly as the upstream produced it ("" when it sent none)."""

    index: int
    id: str
    name: str
    arguments: str = ""


class OpaqueBlock(Struct):
    """A block of one dialect only."""

    dialect: str
    payload: dict[str, Any]


Block = TextBlock | RefusalBlock | ReasoningBlock | RedactedReasoningBlock | ToolCallBlock | OpaqueBlock


class Answer(Struct):
    """A whole answer: blocks in order of their first event; `finish` or `failure` is set once the turn ended."""

    blocks: list[Block] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    finish: TurnFinished | None = None
    failure: Failure | None = None

    @property
    def tool_calls(self) -> list[ToolCallBlock]:
        """The tool calls alone, in order."""
        return [block for block in self.blocks if isinstance(block, ToolCallBlock)]


def fold(events: Iterable[Event]) -> Answer:
    """All events of one turn -> the whole answer."""
    folding = _Folding()
    for event in events:
        folding.add(event)
    return folding.finish()


class _Folding:
    """Collects fragments in lists: joining strings one by one would be quadratic."""

    def __init__(self) -> None:
        self.answer = Answer()
        self.texts: list[str] = []
        self.open: TextBlock | RefusalBlock | ReasoningBlock | None = None
        self.calls: dict[int, tuple[ToolCallBlock, list[str]]] = {}

    def add(self, event: Event) -> None:  # noqa: PLR0912 - one case per event, nothing else
        match event:
            case TextDelta():
                block = self._running(TextBlock)
                self.texts.append(event.text)
                if event.logprobs is not None:
                    block.logprobs.append(event.logprobs)
            case UsageReported():
                self.answer.usage = event.usage
            case TurnStarted():
                self.answer.model = event.model
                self.answer.usage = event.usage or self.answer.usage
            case TurnFinished():
                self.answer.finish = event
            case ReasoningDelta():
                self._running(ReasoningBlock)
                self.texts.append(event.text)
            case RefusalDelta():
                self._running(RefusalBlock)
                self.texts.append(event.text)
            case ReasoningSignature():
                self._running(ReasoningBlock).signature = event.signature
                self._close()
            case ToolArgumentsDelta():
                self.calls[event.index][1].append(event.fragment)
            case ToolCallStarted():
                call = ToolCallBlock(event.index, event.id, event.name)
                self.calls[event.index] = (call, [])
                self._append(call)
            case RedactedReasoning():
                self._append(RedactedReasoningBlock(event.data))
            case Opaque():
                self._append(OpaqueBlock(event.dialect, event.payload))
            case BlockClosed():
                self._close()
            case Citation():
                self._running(TextBlock).citations.append(event)
            case TurnFailed():
                self.answer.failure = event.failure

    def finish(self) -> Answer:
        self._close()
        for call, fragments in self.calls.values():
            call.arguments = "".join(fragments)
        return self.answer

    def _running(self, kind: type[Any]) -> Any:
        if type(self.open) is not kind:
            self._close()
            self.open = kind("")
            self.answer.blocks.append(self.open)
        return self.open

    def _append(self, block: Block) -> None:
        self._close()
        self.answer.blocks.append(block)

    def _close(self) -> None:
        if self.open is not None:
            self.open.text = "".join(self.texts)
        self.open = None
        self.texts = []
