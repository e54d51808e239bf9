"""One turn on a session: set it, tell it the history, ask, and read the raw events of the answer.

The turn is over at the API's stop reason, not at the program's own end: after `max_tokens`, an empty answer or a
refusal the program would ask again by itself, so it is killed right there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from llmgateway.dialects import upstream_failure
from llmgateway.failures import Failure, TurnRefused
from llmgateway.upstreams.claude_agent.conversation import TOOL_PREFIX, Turn
from llmgateway.upstreams.claude_agent.failures import failure_of
from llmgateway.upstreams.claude_agent.lines import Line, read_event
from llmgateway.upstreams.claude_agent.request import Plan
from llmgateway.upstreams.claude_agent.session import Session, SessionEnded
from llmgateway.upstreams.port import ConnectFailed, UpstreamTimedOut
from llmgateway.wire import json_codec

STOPPED = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
SETTLE_WITHIN = 5.0
"""Seconds for the program to finish a turn whose stop reason is known."""


class SessionTurn:
    """Reads like an answer: `events` gives SSE bytes until `stop_reason` is known."""

    def __init__(self, session: Session, plan: Plan, read_timeout: float) -> None:
        self.session = session
        self.plan = plan
        self.stop_reason: str | None = None
        self.text: list[str] = []
        self.only_text = True
        self._failed: TurnRefused | ConnectFailed | None = None
        self._timeout = read_timeout

    async def ask(self, settings: Mapping[str, Any]) -> None:
        """Up to the question. Raises SessionEnded, ProtocolRefused, UpstreamTimedOut."""
        async with self._patience():
            turns = self.plan.turns
            if self.session.conversation is None:
                first = {"subtype": "initialize", "hooks": None, "systemPrompt": self.plan.system}
                await self.session.control(first, _flags(settings))
                for turn in turns[:-1]:
                    await self._tell(turn)
            else:
                await self.session.control(_flags(settings))
            await self.session.write(_line(turns[-1], asks=True))

    async def events(self) -> bytes:
        """All events that have arrived, waiting for at least one; b"" once the stop reason was given.

        Raises TurnRefused (the API's failure), ConnectFailed, UpstreamTimedOut, SessionEnded."""
        if self._failed is not None:
            raise self._failed
        if self.stop_reason is not None:
            return b""
        async with self._patience():
            while not (data := self._take(await self.session.read())):
                pass
        try:
            while self.stop_reason is None and (line := self.session.read_arrived()) is not None:
                data += self._take(line)
        except (TurnRefused, ConnectFailed) as error:  # told next time: the events before it come first
            self._failed = error
        return data

    @property
    def keeps_as(self) -> bytes | None:
        """Digest of the conversation that the session now holds; None where it can't go on with it. After a tool call
        it can't: the program has already told itself that there is no such tool."""
        return self.plan.after("".join(self.text)) if self.stop_reason == "end_turn" and self.only_text else None

    async def settled(self) -> bool:
        """Waits until the program is ready for the next question; False when it did not get there."""
        try:
            async with asyncio.timeout(SETTLE_WITHIN):
                while (line := await self.session.read()).type != "result":
                    pass
        except (TimeoutError, SessionEnded):
            return False
        return not line.is_error

    async def _tell(self, turn: Turn) -> None:
        """A turn of the past. The program acknowledges user turns; not waiting for it scrambles their order."""
        await self.session.write(_line(turn))
        if turn.role == "user":
            while (line := await self.session.read()).type != "result":
                pass
            if line.is_error:
                raise TurnRefused(failure_of(line))

    def _take(self, line: Line) -> bytes:
        if line.type == "stream_event" and line.parent_tool_use_id is None:
            return self._event(line)
        if line.type == "assistant" and line.is_api_error_message:
            raise TurnRefused(failure_of(line))
        if line.type == "result":
            raise TurnRefused(failure_of(line) if line.is_error else _no_answer())
        return b""

    def _event(self, line: Line) -> bytes:
        event, payload = read_event(line.event), bytes(line.event)
        match event.type:
            case "content_block_start":
                payload = self._block(payload)
            case "content_block_delta" if event.delta is not None and event.delta.type == "text_delta":
                self.text.append(event.delta.text if isinstance(event.delta.text, str) else "")
            case "message_delta":
                if event.delta is None or not isinstance(event.delta.stop_reason, str):
                    return b""  # the program's own, for an answer that broke off
                self.stop_reason = event.delta.stop_reason
                return _sse(event.type, payload) + STOPPED
            case "message_stop":  # the API closed early; left alone, the program would ask it to go on
                raise TurnRefused(upstream_failure.closed_early())
            case "":
                return b""
        return _sse(event.type, payload)

    def _block(self, payload: bytes) -> bytes:
        """The client's own tool name back in its place."""
        document = json_codec.decode(payload)
        block = document.get("content_block")
        kind = block.get("type") if isinstance(block, dict) else None
        self.only_text = self.only_text and kind in ("text", "thinking", "redacted_thinking")
        if kind != "tool_use" or not str(block.get("name")).startswith(TOOL_PREFIX):
            return payload
        block["name"] = block["name"][len(TOOL_PREFIX) :]
        return json_codec.encode(document)

    def _patience(self) -> _Patience:
        return _Patience(self._timeout)


class _Patience:
    """A time limit that ends in UpstreamTimedOut."""

    def __init__(self, seconds: float) -> None:
        self._limit = asyncio.timeout(seconds)

    async def __aenter__(self) -> None:
        await self._limit.__aenter__()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        try:
            await self._limit.__aexit__(kind, error, trace)
        except TimeoutError:
            raise UpstreamTimedOut("nothing came within backends[].timeouts.read") from None


def _flags(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {"subtype": "apply_flag_settings", "settings": settings}


def _line(turn: Turn, *, asks: bool = False) -> dict[str, Any]:
    """`client_composed`: no `@file` is read and no `/command` runs; `shouldQuery`: told, not asked."""
    line: dict[str, Any] = {
        "type": turn.role,
        "message": {"role": turn.role, "content": turn.content},
        "parent_tool_use_id": None,
        "session_id": "default",
    }
    if turn.role == "user":
        line["client_composed"] = True
        if not asks:
            line["shouldQuery"] = False
    return line


def _sse(kind: str, payload: bytes) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + payload + b"\n\n"


def _no_answer() -> Failure:
    return Failure(kind="bad_gateway", message="The agent ended the turn without an answer.", from_upstream=True)
