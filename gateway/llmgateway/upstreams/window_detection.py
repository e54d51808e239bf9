"""Context windows of servers that don't tell them in their model list (W4).

llama.cpp   GET /props -> default_generation_settings.n_ctx, the window of one slot     (tools/server/README)
Ollama      POST /api/show -> num_ctx among the parameters, else <architecture>.context_length    (docs/api.md)
"""

from __future__ import annotations

import re
from typing import Any

from llmgateway.upstreams.backend import Backend
from llmgateway.upstreams.port import UpstreamAnswer
from llmgateway.wire import json_codec

MOST_MODELS = 32
"""Of one Ollama: each costs a request."""
_NUM_CTX = re.compile(r"^num_ctx\s+(\d+)", re.MULTILINE)


async def detect_window(backend: Backend, model: str) -> int | None:
    """The window of one model in tokens, or None where the server does not tell. Raises UpstreamError."""
    if backend.type == "LlamaCpp":
        settings = (await _get(backend, "/props")).get("default_generation_settings")
        return _positive(settings.get("n_ctx")) if isinstance(settings, dict) else None
    if backend.type == "Ollama":
        return _of_ollama(await _post(backend, "/api/show", {"model": model}))
    return None


def _of_ollama(shown: dict[str, Any]) -> int | None:
    parameters = shown.get("parameters")
    configured = _NUM_CTX.search(parameters) if isinstance(parameters, str) else None
    if configured is not None:
        return int(configured.group(1))
    info = shown.get("model_info")
    lengths = (
        [value for name, value in info.items() if name.endswith(".context_length")] if isinstance(info, dict) else []
    )
    return _positive(lengths[0]) if lengths else None


async def _get(backend: Backend, path: str) -> dict[str, Any]:
    request = backend.request(b"", {}, {}, native=False, path=path, from_root=True)
    return await _document(await backend.transport.get(request))


async def _post(backend: Backend, path: str, document: dict[str, Any]) -> dict[str, Any]:
    request = backend.request(json_codec.encode(document), {}, {}, native=False, path=path, from_root=True)
    return await _document(await backend.transport.send(request))


async def _document(answer: UpstreamAnswer) -> dict[str, Any]:
    try:
        body = await answer.read_all()
    finally:
        answer.close()
    found = json_codec.decode(body) if answer.status == 200 else None
    return found if isinstance(found, dict) else {}


def _positive(value: Any) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
