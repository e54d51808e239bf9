"""`POST /v1/messages/count_tokens`: exact where the serving upstream can count, else an estimate that errs upwards."""

from __future__ import annotations

import string
from collections.abc import Mapping

from msgspec import Raw

from llmgateway.failures import TurnRefused
from llmgateway.server.call import Call
from llmgateway.server.dialects import UPSTREAM_DIALECTS
from llmgateway.server.exchange import failure_of
from llmgateway.server.snapshot import Snapshot
from llmgateway.translate.table import TRANSLATORS
from llmgateway.translate.translated import Target
from llmgateway.upstreams.backend import Backend
from llmgateway.upstreams.port import UpstreamError
from llmgateway.upstreams.token_count import count_chat_tokens
from llmgateway.wire import json_codec

PATH = "/v1/messages/count_tokens"
LETTERS = (string.ascii_letters + " \n\t").encode()
DIGITS = string.digits.encode()
ASCII = bytes(range(128))
BYTES_PER_TOKEN = {"letters": 3.0, "digits": 1.1, "signs": 2.2, "other": 2.2}
"""For upstreams that can't count. Chosen so that the estimate errs upwards on prose, code, JSON, YAML, German, Chinese
and hexadecimal digits (docs/token-counts.md has the figures): a client then compacts early rather than overflows."""


async def count_tokens(call: Call, snapshot: Snapshot, headers: Mapping[bytes, bytes]) -> tuple[bytes, bool]:
    """The answer's body, and whether it is exact. Raises TurnRefused."""
    backend, target = snapshot.route(call.model).targets(None)[0]
    if backend.dialect == "messages":
        counted = await _native(call, backend, target, headers)
        return (_answer(_estimate(call)), False) if counted is None else (counted, True)
    document = dict(TRANSLATORS["messages", "chat"](call.document | {"stream": False}, target).document)
    exact = await count_chat_tokens(backend, document)
    return _answer(_estimate(call) if exact is None else exact), exact is not None


def _answer(tokens: int) -> bytes:
    return json_codec.encode({"input_tokens": tokens})


def _estimate(call: Call) -> int:
    counted = ("system", "messages", "tools")
    return estimated_tokens(b" ".join(bytes(call.fields[name]) for name in counted if name in call.fields))


def estimated_tokens(data: bytes) -> int:
    """Tokens of UTF-8 text by kinds of characters, counted at the speed of C."""
    beyond_letters = len(data.translate(None, LETTERS))
    digits = len(data) - len(data.translate(None, DIGITS))
    other = len(data.translate(None, ASCII))
    sizes = {
        "letters": len(data) - beyond_letters, "digits": digits, "signs": beyond_letters - digits - other,
        "other": other,
    }  # fmt: skip
    return int(sum(size / BYTES_PER_TOKEN[kind] for kind, size in sizes.items())) + 1


async def _native(call: Call, backend: Backend, target: Target, headers: Mapping[bytes, bytes]) -> bytes | None:
    """The vendor's own count; None where the backend's credential can't ask for one (an agent's login)."""
    fields = {**call.fields, "model": Raw(json_codec.encode(target.model))}
    request = backend.request(json_codec.join_fields(fields), headers, {}, native=True, path=PATH)
    try:
        answer = await backend.transport.send(request)
        with backend.running(answer):
            body = await answer.read_all()
    except UpstreamError as error:
        raise TurnRefused(failure_of(error, backend.name)) from None
    if answer.status == 404 and backend.type == "ClaudeAgent":
        return None
    if answer.status >= 400:
        raise TurnRefused(UPSTREAM_DIALECTS["messages"].decode_failure(answer.status, answer.headers, body))
    return body
