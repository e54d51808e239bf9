"""A Messages endpoint that answers as a test says, by what is asked: the API that the real agent program talks to.

    async with AnthropicEndpoint() as endpoint:
        endpoint.brain = lambda asked: says("Hello ", "there")

A brain gets the request and returns an answer; the default one quotes all user texts of the conversation.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Self

from aiohttp import web

CUT = "cut"
HANG = "hang"
Piece = dict[str, Any] | float | str


@dataclass
class Asked:
    """One request as it arrived."""

    body: dict[str, Any]
    headers: dict[str, str]
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def texts(self) -> list[str]:
        """All text of user turns."""
        return [text for message in self.body["messages"] if message["role"] == "user" for text in _texts(message)]

    @property
    def question(self) -> str:
        """The last user text."""
        return self.texts[-1] if self.texts else ""

    @property
    def key(self) -> str:
        return self.headers.get("x-api-key") or self.headers.get("authorization", "")


@dataclass
class Answer:
    """`pieces`: events are sent, numbers are pauses, CUT and HANG are what they say; or an error with its status."""

    pieces: Sequence[Piece] = ()
    status: int = 200
    error: tuple[str, str] = ("api_error", "broken")
    headers: dict[str, str] = field(default_factory=dict)


Brain = Callable[[Asked], Answer]


def says(*texts: str, stop: str = "end_turn", pause: float = 0.0, usage: tuple[int, int] = (11, 7)) -> Answer:
    """A text answer, one delta per text."""
    deltas: list[Piece] = []
    for text in texts:
        deltas += [_delta(0, "text_delta", text=text), pause]
    return Answer([*_block(0, {"type": "text", "text": ""}, deltas), _end(stop, usage)])


def calls(*wanted: tuple[str, dict[str, Any]]) -> Answer:
    """Tool calls, their arguments in two fragments."""
    pieces: list[Piece] = []
    for index, (name, arguments) in enumerate(wanted):
        block = {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}
        text = json.dumps(arguments)
        halves = (text[: len(text) // 2], text[len(text) // 2 :])
        pieces += _block(index, block, [_delta(index, "input_json_delta", partial_json=half) for half in halves])
    return Answer([*pieces, _end("tool_use", (11, 7))])


def thinks(thought: str, text: str) -> Answer:
    """A thinking block with its signature, then text."""
    deltas: list[Piece] = [_delta(0, "thinking_delta", thinking=thought), _delta(0, "signature_delta", signature="SIG")]
    pieces = _block(0, {"type": "thinking", "thinking": "", "signature": ""}, deltas)
    pieces += _block(1, {"type": "text", "text": ""}, [_delta(1, "text_delta", text=text)])
    return Answer([*pieces, _end("end_turn", (11, 7))])


def breaks(text: str, how: Piece) -> Answer:
    """Begins with `text`; then `how` happens: CUT, HANG, or an error event."""
    return Answer([*_block(0, {"type": "text", "text": ""}, [_delta(0, "text_delta", text=text)])[:-1], how])


def fails(status: int, kind: str, message: str = "no luck") -> Answer:
    """An HTTP error in the API's envelope."""
    return Answer(status=status, error=(kind, message))


def quotes(asked: Asked) -> Answer:
    """The default brain."""
    return says(*(f"[{text}]" for text in asked.texts))


class AnthropicEndpoint:
    """A server on a free port of the loopback interface."""

    def __init__(self) -> None:
        self.brain: Brain = quotes
        self.asked: list[Asked] = []
        self.others: list[str] = []
        self.url = ""
        self._numbers = count(1)

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/v1/messages", self._message)
        app.router.add_route("*", "/{rest:.*}", self._other)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _other(self, request: web.Request) -> web.Response:
        self.others.append(f"{request.method} {request.path}")
        if request.path == "/v1/models":
            return web.json_response({"data": [{"id": "claude-here", "type": "model"}], "has_more": False})
        return web.json_response({"type": "error", "error": {"type": "not_found_error", "message": "no"}}, status=404)

    async def _message(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        asked = Asked(await request.json(), headers)
        self.asked.append(asked)
        answer = self.brain(asked)
        number = next(self._numbers)
        if answer.status != 200:
            kind, message = answer.error
            document = {"type": "error", "error": {"type": kind, "message": message}, "request_id": f"req_{number}"}
            return web.json_response(document, status=answer.status, headers=answer.headers)
        try:
            return await self._stream(request, asked, answer, number)
        except (asyncio.CancelledError, ConnectionError):
            asked.gone.set()
            raise

    async def _stream(self, request: web.Request, asked: Asked, answer: Answer, number: int) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream", "request-id": f"req_{number}"})
        await response.prepare(request)
        message = {"id": f"msg_{id(self)}_{number}", "type": "message", "role": "assistant", "content": [],
                   "model": asked.body["model"], "stop_reason": None, "stop_sequence": None, "stop_details": None,
                   "usage": _usage(11, 1)}  # fmt: skip
        await response.write(_frame({"type": "message_start", "message": message}))
        for piece in answer.pieces:
            if piece == CUT:
                assert request.transport is not None
                request.transport.abort()
                return response
            if piece == HANG:
                await asyncio.sleep(3600)
            elif isinstance(piece, dict):
                await response.write(_frame(piece))
            elif piece:
                await asyncio.sleep(float(piece))
        if answer.pieces and isinstance(answer.pieces[-1], dict) and answer.pieces[-1]["type"] == "message_delta":
            await response.write(_frame({"type": "message_stop"}))
        return response


def _frame(event: dict[str, Any]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def _block(index: int, block: dict[str, Any], deltas: Sequence[Piece]) -> list[Piece]:
    start: Piece = {"type": "content_block_start", "index": index, "content_block": block}
    return [start, *deltas, {"type": "content_block_stop", "index": index}]


def _delta(index: int, kind: str, **fields: Any) -> Piece:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def _end(stop: str, usage: tuple[int, int]) -> Piece:
    delta = {"stop_reason": stop, "stop_sequence": None}
    return {"type": "message_delta", "delta": delta, "usage": _usage(*usage)}


def _usage(came: int, went: int) -> dict[str, int]:
    return {"input_tokens": came, "output_tokens": went, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 3}


def _texts(message: dict[str, Any]) -> list[str]:
    content = message["content"]
    if isinstance(content, str):
        return [content]
    return [block["text"] for block in content if block["type"] == "text"]
