"""`GET /v1/models`: configured names and aliases, then everything that the backends say they serve (R5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from llmgateway.server.snapshot import Snapshot
from llmgateway.upstreams.discovery import ServedModels

CREATED = 1_767_225_600
"""For names that only the spec knows (2026-01-01): SDKs want a number, and it must not change from call to call."""


class VisibleModel(Struct, frozen=True):
    """One listed name."""

    id: str
    owner: str
    created: int = CREATED
    window: int | None = None


def visible_models(snapshot: Snapshot, served: Mapping[str, ServedModels], client: str) -> list[VisibleModel]:
    """All names that the client may use, each once, the spec's own first."""
    found = {name: VisibleModel(name, "llmgateway", window=_window(snapshot, name)) for name in snapshot.configured()}
    for backend, listing in served.items():
        for model in listing.models:
            found.setdefault(
                model.id, VisibleModel(model.id, model.owner or backend, model.created or CREATED, model.window)
            )
    return [model for model in found.values() if snapshot.limits.may_use(client, snapshot.route(model.id).name)]


def _window(snapshot: Snapshot, name: str) -> int | None:
    backend = snapshot.route(name).candidates[0].backend
    return snapshot.configuration.gateway.spec.backend(backend).limits.context_window


def openai_model(model: VisibleModel) -> dict[str, Any]:
    """OpenAI's shape of one model; `max_model_len` is vLLM's extension, which clients read for the window."""
    shape: dict[str, Any] = {
        "id": model.id, "object": "model", "created": model.created, "owned_by": model.owner,
    }  # fmt: skip
    return shape if model.window is None else {**shape, "max_model_len": model.window}


def openai_list(models: Sequence[VisibleModel]) -> dict[str, Any]:
    """OpenAI's shape of the list."""
    return {"object": "list", "data": [openai_model(model) for model in models]}


def codex_list(models: Sequence[VisibleModel]) -> dict[str, Any]:
    """What Codex reads when it asks with `client_version`: `models` beside OpenAI's `data`."""
    entries = [
        {"slug": model.id, "display_name": model.id, "context_window": model.window, "supported_in_api": True}
        for model in models
    ]
    return {**openai_list(models), "models": entries}


def anthropic_model(model: VisibleModel) -> dict[str, Any]:
    """Anthropic's shape of one model."""
    created = datetime.fromtimestamp(model.created, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    shape: dict[str, Any] = {
        "type": "model", "id": model.id, "display_name": model.id, "created_at": created,
    }  # fmt: skip
    return shape if model.window is None else {**shape, "max_input_tokens": model.window}


def anthropic_list(models: Sequence[VisibleModel]) -> dict[str, Any]:
    """Anthropic's shape of the list, always one page."""
    return {
        "data": [anthropic_model(model) for model in models],
        "has_more": False,
        "first_id": models[0].id if models else None,
        "last_id": models[-1].id if models else None,
    }
