"""How many tokens a request is, asked of the upstream that would serve it.

Anthropic    POST /v1/messages/count_tokens                        (Anthropic API reference, "Count message tokens")
vLLM         POST /tokenize with messages and tools -> count        (vLLM, "OpenAI-compatible server", Tokenizer API)
llama.cpp    POST /apply-template -> prompt, POST /tokenize -> tokens       (llama.cpp, tools/server/README)
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from llmgateway.failures import TurnRefused
from llmgateway.upstreams.backend import Backend
from llmgateway.upstreams.port import UpstreamError
from llmgateway.wire import json_codec

PATIENCE = 10.0
"""Seconds for one count: a client waits for it before it sends the real request."""

TOKENIZERS = ("VLLM", "LlamaCpp")
"""The types of backends that have one."""

COUNTED = ("messages", "tools", "chat_template_kwargs")
"""The fields of a chat request that its template reads."""


async def count_chat_tokens(backend: Backend, document: Mapping[str, Any], patience: float = PATIENCE) -> int | None:
    """Tokens of a chat request as its backend counts them; None where the backend has no tokenizer or is silent."""
    template = {name: document[name] for name in COUNTED if name in document}
    try:
        async with asyncio.timeout(patience):
            if backend.type == "VLLM":
                body = {"model": document["model"], "add_generation_prompt": True, **template}
                return _number(await _ask(backend, "/tokenize", body), "count")
            if backend.type == "LlamaCpp":
                prompt = (await _ask(backend, "/apply-template", template)).get("prompt")
                tokens = (await _ask(backend, "/tokenize", {"content": prompt, "add_special": True})).get("tokens")
                return len(tokens) if isinstance(prompt, str) and isinstance(tokens, list) else None
    except (UpstreamError, TurnRefused, TimeoutError, json_codec.InvalidJSON):
        return None
    return None


async def _ask(backend: Backend, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
    request = backend.request(json_codec.encode(document), {}, {}, native=False, path=path, from_root=True)
    answer = await backend.transport.send(request)
    with backend.running(answer):
        body = await answer.read_all()
    found = json_codec.decode(body) if answer.status == 200 else {}
    return found if isinstance(found, dict) else {}


def _number(document: Mapping[str, Any], name: str) -> int | None:
    value = document.get(name)
    return value if isinstance(value, int) else None
