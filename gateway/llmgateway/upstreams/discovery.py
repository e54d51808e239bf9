"""What a backend says it serves: its models and their context windows (R8, W4). Never raises: an upstream that does
not answer is no reason to stop."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec import Struct, structs

from llmgateway.failures import TurnRefused
from llmgateway.upstreams.backend import Backend
from llmgateway.upstreams.port import UpstreamError
from llmgateway.upstreams.window_detection import detect_window
from llmgateway.wire import json_codec

PATIENCE = 10.0
"""Seconds for one listing."""


class ServedModel(Struct, frozen=True):
    """One model of a backend; `window` in tokens where the backend tells it."""

    id: str
    window: int | None = None
    created: int | None = None
    owner: str | None = None


class ServedModels(Struct, frozen=True):
    """One backend's list."""

    models: list[ServedModel]


async def discover(backend: Backend) -> ServedModels | None:
    """The backend's models, or None when it can't be asked just now."""
    try:
        async with asyncio.timeout(PATIENCE):
            document = await _get(backend, "/v1/models" if backend.dialect == "messages" else "/models")
    except (UpstreamError, TurnRefused, TimeoutError, json_codec.InvalidJSON):
        return None
    entries = document.get("data") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        return None
    models = [model for entry in entries if (model := _model(entry)) is not None]
    return ServedModels([await _with_window(backend, model) for model in models])


async def _with_window(backend: Backend, model: ServedModel) -> ServedModel:
    """The model with what its server tells elsewhere."""
    if backend.type not in ("LlamaCpp", "Ollama"):
        return model
    try:
        async with asyncio.timeout(PATIENCE):
            window = await detect_window(backend, model.id)
    except (UpstreamError, TurnRefused, TimeoutError, json_codec.InvalidJSON):
        return model
    return model if window is None else structs.replace(model, window=window)


async def _get(backend: Backend, path: str) -> Any:
    request = backend.request(b"", {}, {}, native=False, path=path)
    answer = await backend.transport.get(request)
    try:
        if answer.status != 200:
            return None
        return json_codec.decode(await answer.read_all())
    finally:
        answer.close()


def _model(entry: Any) -> ServedModel | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("id"), str):
        return None
    created, owner = entry.get("created"), entry.get("owned_by")
    return ServedModel(
        entry["id"],
        _window(entry),
        created if isinstance(created, int) else None,
        owner if isinstance(owner, str) else None,
    )


def _window(entry: dict[str, Any]) -> int | None:
    """vLLM says max_model_len, Anthropic max_input_tokens, llama.cpp meta.n_ctx."""
    meta = entry.get("meta")
    candidates = [entry.get("max_model_len"), entry.get("max_input_tokens")]
    candidates.append(meta.get("n_ctx") if isinstance(meta, dict) else None)
    return next((size for size in candidates if isinstance(size, int) and size > 0), None)
