"""What an encoder must know of the turn that it answers, and the shapes that every dialect has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct, field

from llmgateway.events import Event, TextDelta, ToolIdentity
from llmgateway.failures import Failure
from llmgateway.fold import Answer
from llmgateway.wire.json_codec import decode


class Reply(Struct, kw_only=True):
    """Facts of one turn for its encoder: ids, the name the client asked for, and what it wants to see.

    The encoder is made before an upstream was reached (it keeps the client waiting meanwhile): `tools` and
    `reasoning_is_summary` are set when one was, so they are read when they are needed, not before."""

    id: str
    """32 hexadecimal digits, unique per answer; every id of the answer (`chatcmpl-`, `msg_`, items) is made of it."""
    model: str
    """The model as the client named it."""
    created: int
    """Unix seconds."""
    include_usage: bool = False
    """chat streams: the client asked for the usage chunk."""
    input_tokens: int = 0
    """An estimate of the prompt's size for `message_start`, until the upstream tells the truth."""
    tools: Mapping[str, ToolIdentity] = field(default_factory=dict)
    """Upstream tool name -> the client's tool, for renamed tools only."""
    refusal_as_text: bool = False
    """The client is Codex, which prints no refusal parts: a refusal also stands as text."""
    reasoning_is_summary: bool = False
    """The upstream's reasoning is a summary made for readers (Anthropic), not the model's raw text (open models)."""
    request: Mapping[str, Any] = field(default_factory=dict)
    """The client's request document (responses: its fields are echoed)."""


def text_deltas(insides: bytes) -> list[Event]:
    """The texts whose JSON strings have these insides, one a line."""
    return [TextDelta(decode(b'"' + inside + b'"')) for inside in insides.split(b"\n")]


class StreamDecoder(Protocol):
    """Upstream stream bytes -> events, split anywhere. After TurnFinished or TurnFailed nothing more comes."""

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete."""
        ...

    def end(self) -> list[Event]:
        """The upstream closed: the events still due; TurnFailed when it died before its turn was finished."""
        ...

    @property
    def passes_text(self) -> bool:
        """True where an event is due that, if all it holds is a text, changes nothing here: it may go past."""
        ...

    def lone_text(self, payload: bytes) -> tuple[bytes, str] | None:
        """The text of an event whose data holds nothing else, after its member's name (in quotation marks); None for
        every other event."""
        ...


class StreamEncoder(Protocol):
    """Events -> client stream bytes; every call returns whole server-sent events only."""

    def encode(self, events: Sequence[Event]) -> bytes:
        """All events of one upstream read in one piece of bytes (may be empty)."""
        ...

    def pass_texts(self, insides: bytes) -> bytes:
        """What `encode` makes of `text_deltas(insides)`, cheaper where the encoder need not read them."""
        ...

    def keep_alive(self) -> bytes:
        """What keeps this dialect's clients waiting; legal at any time before the end."""
        ...


class UpstreamDialect(Protocol):
    """A dialect that upstreams speak."""

    def stream_decoder(self) -> StreamDecoder:
        """A fresh decoder for one upstream stream."""
        ...

    def decode_whole(self, body: bytes) -> list[Event]:
        """A whole upstream answer (HTTP 200) -> events; TurnFailed (bad_gateway) when it is no such answer."""
        ...

    def decode_failure(self, status: int, headers: Mapping[str, str], body: bytes) -> Failure:
        """An upstream's error answer -> Failure; overflow is recognised in every known wording."""
        ...


class ClientDialect(Protocol):
    """A dialect that clients speak."""

    def stream_encoder(self, reply: Reply) -> StreamEncoder:
        """A fresh encoder for one client stream."""
        ...

    def encode_whole(self, answer: Answer, reply: Reply) -> bytes:
        """A whole answer in the client's dialect."""
        ...

    def encode_failure(self, failure: Failure, request_id: str) -> tuple[int, bytes]:
        """HTTP status and body of a failure in the client's dialect."""
        ...


class Dialect(ClientDialect, UpstreamDialect, Protocol):
    """A dialect of both sides."""

    name: str
