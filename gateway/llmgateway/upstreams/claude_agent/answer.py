"""Answers of the agent backend: raw Messages events as they come, or a body that is complete already."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from llmgateway.dialects.anthropic_messages.errors import encode_failure, error_object
from llmgateway.failures import Failure, TurnRefused
from llmgateway.upstreams.claude_agent.session import SessionEnded
from llmgateway.upstreams.claude_agent.turn import SessionTurn
from llmgateway.upstreams.port import ConnectFailed, UpstreamBroke
from llmgateway.wire import json_codec


class BodyAnswer:
    """A whole body."""

    def __init__(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.headers: Mapping[str, str] = {"content-type": "application/json", **(headers or {})}
        self._body = body

    async def read_some(self) -> bytes:
        """The body, then b""."""
        body, self._body = self._body, b""
        return body

    async def read_all(self) -> bytes:
        """The body."""
        return await self.read_some()

    def close(self) -> None:
        """Nothing is open."""


def failure_answer(failure: Failure) -> BodyAnswer:
    """The envelope of the Messages dialect."""
    status, body = encode_failure(failure, "")
    headers = {} if failure.should_retry is None else {"x-should-retry": str(failure.should_retry).lower()}
    return BodyAnswer(status, body, headers)


class StreamAnswer:
    """A running turn; `done` is called once, with the turn, when it is over or given up."""

    def __init__(self, turn: SessionTurn, first: bytes, done: Callable[[SessionTurn], None]) -> None:
        self.status = 200
        self.headers: Mapping[str, str] = {"content-type": "text/event-stream"}
        self._turn = turn
        self._first = first
        self._done: Callable[[SessionTurn], None] | None = done

    async def read_some(self) -> bytes:
        """The events that have arrived; b"" after the last one. Raises UpstreamError."""
        data, self._first = self._first, b""
        if not data and self._done is not None:
            data = await self._next()
        if self._turn.stop_reason is not None:
            self.close()
        return data

    async def read_all(self) -> bytes:
        """The rest of the stream. Raises UpstreamError."""
        parts = []
        while data := await self.read_some():
            parts.append(data)
        return b"".join(parts)

    def close(self) -> None:
        """Gives the session back; in the middle of an answer that kills it, and the API's connection with it."""
        done, self._done = self._done, None
        if done is not None:
            done(self._turn)

    async def _next(self) -> bytes:
        try:
            return await self._turn.events()
        except TurnRefused as refused:  # the answer has begun: the failure is its last event
            self.close()
            return _error_event(refused.failure)
        except ConnectFailed as error:
            raise UpstreamBroke(str(error)) from None
        except SessionEnded as error:
            raise UpstreamBroke(str(error)) from None


def _error_event(failure: Failure) -> bytes:
    return b"event: error\ndata: " + json_codec.encode({"type": "error", "error": error_object(failure)}) + b"\n\n"
