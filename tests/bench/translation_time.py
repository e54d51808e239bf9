"""What large requests cost in the process itself: time against size, and as a multiple of the JSON codec's own time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.requests import Client, request
from bench.workloads import PASS, RESPONSES, TO_MESSAGES, TRANSLATED, Pair
from llmgateway.server.call import Call
from llmgateway.translate.native import native_chat
from llmgateway.translate.table import TRANSLATORS
from llmgateway.translate.translated import Target
from llmgateway.wire import json_codec

SIZES = (25_000, 50_000, 100_000, 200_000)
TOOLS = 50
REPEATS = 15


@dataclass
class TranslationTime:
    """Milliseconds for one request of so many tokens, best of REPEATS."""

    client: str
    upstream: str
    tokens: int
    messages: int
    bytes: int
    json_ms: float
    """Decoding and encoding the body, nothing else."""
    translated_ms: float
    """Decoding it, translating it, encoding the upstream's body."""

    @property
    def times_json(self) -> float:
        return self.translated_ms / self.json_ms


def translation_times() -> list[TranslationTime]:
    """All pairs, all sizes."""
    return [_measured(pair, tokens) for pair in (PASS, TRANSLATED, TO_MESSAGES, RESPONSES) for tokens in SIZES]


def _measured(pair: Pair, tokens: int) -> TranslationTime:
    client, upstream = pair
    body = request(client, "bench", "whole:1", stream=False, tokens=tokens, tools=TOOLS)
    target = Target(type="Anthropic" if upstream == "messages" else "OpenAI", model="bench")
    document = json_codec.decode(body)
    messages = len(document["input" if client == "responses" else "messages"])
    json_ms = _best(lambda: json_codec.encode(json_codec.decode(body)))
    return TranslationTime(
        client,
        upstream,
        tokens,
        messages,
        len(body),
        json_ms,
        _best(lambda: _translate(client, upstream, body, target)),
    )


def _translate(client: Client, upstream: str, body: bytes, target: Target) -> bytes:
    call = Call(client, body)
    if client == upstream:
        return json_codec.join_fields(native_chat(call.fields, target).fields)
    return json_codec.encode(TRANSLATORS[client, upstream](call.document, target).document)


def _best(work: Callable[[], object]) -> float:
    found = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return min(found) * 1000
