"""A client's request as it arrived: its dialect, the few fields that routing needs, everything else still raw."""

from __future__ import annotations

from typing import Any, Literal

from llmgateway.events import ToolIdentity
from llmgateway.failures import Failure, TurnRefused
from llmgateway.translate.translated import Loss, Translated
from llmgateway.wire import json_codec

ClientDialect = Literal["chat", "messages", "responses"]


class Call:
    """One parsed request. `fields` are raw slices of the body; `document` is the whole, decoded on first use."""

    def __init__(self, dialect: ClientDialect, body: bytes) -> None:
        """Raises TurnRefused (invalid_request) for a body that is no JSON object, or a wrong `model` or `stream`."""
        self.dialect = dialect
        self.request_dialect: ClientDialect = dialect
        """What the request is written in; it differs from the client's dialect inside conversations."""
        self.is_rewritten = False
        """The gateway reads the answer too: it can't pass unparsed."""
        self.losses: list[Loss] = []
        self.tools: dict[str, ToolIdentity] = {}
        self.body = body
        self._document: dict[str, Any] | None = None
        try:
            self.fields = json_codec.split_fields(body)
        except json_codec.InvalidJSON as error:
            raise _refused(f"The request body is not a JSON object: {error}.") from None
        self.model: str = self._typed("model", str, "")
        self.stream: bool = self._typed("stream", bool, False)

    @property
    def document(self) -> dict[str, Any]:
        """The decoded body. Raises TurnRefused (invalid_request)."""
        if self._document is None:
            try:
                self._document = json_codec.decode(self.body)
            except json_codec.InvalidJSON as error:
                raise _refused(f"The request body is not valid JSON: {error}.") from None
        return self._document

    def become_chat(self, translated: Translated) -> None:
        """The request is a chat request from now on; the answer still goes out in the client's dialect."""
        self.request_dialect = "chat"
        self.is_rewritten = True
        self._document = translated.document
        self.losses, self.tools = translated.losses, translated.tools
        self.body = json_codec.encode(translated.document)
        self.fields = json_codec.split_fields(self.body)

    def field(self, name: str) -> Any:
        """One top-level field, decoded alone; None when absent. Raises TurnRefused (invalid_request)."""
        raw = self.fields.get(name)
        if raw is None:
            return None
        try:
            return json_codec.decode(bytes(raw))
        except json_codec.InvalidJSON as error:
            raise _refused(f"Field {name} is not valid JSON: {error}.", name) from None

    def text_field(self, name: str) -> str | None:
        """A top-level string field, or None."""
        found: str | None = self._typed(name, str, None)
        return found

    def _typed(self, name: str, kind: type[Any], default: Any) -> Any:
        value = self.field(name)
        if value is None:
            return default
        if not isinstance(value, kind):
            word = {str: "a string", bool: "true or false"}[kind]
            raise _refused(f"Field {name} must be {word}, not {type(value).__name__}.", name)
        return value


def _refused(message: str, param: str | None = None) -> TurnRefused:
    return TurnRefused(Failure(kind="invalid_request", message=message, param=param))
