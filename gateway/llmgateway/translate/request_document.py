"""What the requests in the making of both upstream dialects have in common, so that a client's tables serve both."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Literal

from llmgateway.translate.rules import Losses
from llmgateway.translate.shapes import refuse
from llmgateway.translate.thinking_wish import ThinkingWish
from llmgateway.translate.tool_names import ToolNames
from llmgateway.translate.translated import Target, Translated

ToolMode = Literal["auto", "required", "none"]


class RequestDocument(Losses, ABC):
    """The document, its tools, and what the client wants of reasoning."""

    def __init__(self, target: Target, names: ToolNames) -> None:
        super().__init__()
        self.target = target
        self.document: dict[str, Any] = {"model": target.model}
        self.names = names
        self.tools: dict[str, dict[str, Any]] = {}
        """By upstream name."""
        self.dropped_tools: set[str] = set()
        self.parallel: bool | None = None
        self.wish = ThinkingWish()

    @abstractmethod
    def declare(self, name: str, description: Any, schema: Any, path: str, *, strict: Any = None) -> None:
        """One function under its upstream name; a second one of that name is a loss."""

    @abstractmethod
    def force(self, name: str) -> None:
        """The model must call this declared tool."""

    @abstractmethod
    def choose_mode(self, mode: ToolMode) -> None:
        """The model may, must, or must not call tools."""

    @abstractmethod
    def allow(self, names: list[str], mode: ToolMode) -> None:
        """The model may or must call one of these tools."""

    @abstractmethod
    def json_schema(self, name: Any, schema: Any, path: str, *, strict: Any = None, description: Any = None) -> None:
        """Structured output."""

    @abstractmethod
    def json_object(self, path: str) -> None:
        """Any JSON object as output."""

    @abstractmethod
    def sampling(self, name: str, value: Any) -> None:
        """temperature, top_p or top_k, where the model takes them."""

    @abstractmethod
    def finish(self) -> Translated:
        """The whole request."""

    def choose(self, name: str, path: str) -> None:
        """A forced tool by its upstream name. Raises TurnRefused when the client never declared it."""
        if name in self.tools:
            self.force(name)
        elif name in self.dropped_tools:
            self.lose(path, f"the tool {name} was dropped, so the model chooses freely")
        else:
            refuse(path, f"there is no tool {name!r}")


def wish_thinking(to: RequestDocument, value: Any) -> None:
    """`thinking` of any dialect."""
    to.wish.take_thinking(value)


def wish_effort(path: str) -> Callable[[RequestDocument, Any], None]:
    """An effort that turns reasoning on."""
    return lambda to, value: to.wish.take_effort(value, path)


def sample(name: str) -> Callable[[RequestDocument, Any], None]:
    """temperature, top_p, top_k."""
    return lambda to, value: to.sampling(name, value)


def nothing(to: RequestDocument, value: Any) -> None:
    """A field that was read elsewhere."""
