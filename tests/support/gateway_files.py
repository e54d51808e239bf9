"""Configuration files for tests, written as a user would write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml


def gateway_document(backends: list[dict[str, Any]], **spec: Any) -> dict[str, Any]:
    """An LLMGateway named demo."""
    return {
        "apiVersion": "llmgateway.dev/v1alpha1",
        "kind": "LLMGateway",
        "metadata": {"name": "demo"},
        "spec": {"backends": backends, **spec},
    }


def model(name: str, *backends: str, upstream: str | None = "up", **more: Any) -> dict[str, Any]:
    """One model served by backends, in order of priority."""
    references: list[dict[str, Any]] = [{"name": each, "priority": place} for place, each in enumerate(backends)]
    for reference in references:
        if upstream is not None:
            reference["model"] = upstream
    return {"name": name, "backendRefs": references, **more}


def secret_document(name: str, **values: str) -> dict[str, Any]:
    """A Secret with plain values."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}


def write_documents(path: Path, *documents: dict[str, Any]) -> Path:
    """One YAML file, written in one step, as an editor or the kubelet does."""
    fresh = path.with_suffix(".fresh")
    fresh.write_text(yaml.safe_dump_all(documents, sort_keys=False))
    fresh.rename(path)
    return path
