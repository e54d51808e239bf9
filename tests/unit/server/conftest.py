"""A scripted upstream and a gateway in front of it, in the test's own event loop."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.gateway_files import gateway_document, model, write_documents
from support.running_gateway import Running, gateway_in_loop
from support.scripted_upstream import ScriptedUpstream

Gateway = Callable[..., contextlib.AbstractAsyncContextManager["Serving"]]


class Serving:
    """A running gateway, a client for it, and its file."""

    def __init__(self, running: Running, client: httpx.AsyncClient, file: Path) -> None:
        self.url = running.url
        assert running.runtime is not None
        self.runtime = running.runtime
        self.client = client
        self.file = file

    async def chat(self, text: str = "hi", **fields: Any) -> httpx.Response:
        body = {"model": "m", "messages": [{"role": "user", "content": text}], **fields}
        return await self.client.post("/v1/chat/completions", json=body)

    async def messages(self, text: str = "hi", **fields: Any) -> httpx.Response:
        body = {"model": "m", "max_tokens": 50, "messages": [{"role": "user", "content": text}], **fields}
        return await self.client.post("/v1/messages", json=body)


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as running:
        yield running


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    """`async with gateway([backend, ...], **spec) as serving`; extra documents as `documents=[...]`."""

    @contextlib.asynccontextmanager
    async def serving(
        backends: list[dict[str, Any]],
        *,
        documents: list[dict[str, Any]] | None = None,
        secrets: Path | None = None,
        **spec: Any,
    ) -> AsyncIterator[Serving]:
        spec.setdefault("models", [model("m", *(backend["name"] for backend in backends))])
        file = write_documents(tmp_path / "gateway.yaml", gateway_document(backends, **spec), *(documents or []))
        async with (
            gateway_in_loop(file, secrets) as running,
            httpx.AsyncClient(base_url=running.url, timeout=10) as client,
        ):
            yield Serving(running, client, file)

    return serving


def vllm(upstream: ScriptedUpstream, name: str = "local", **fields: Any) -> dict[str, Any]:
    """A VLLM backend of the spec."""
    return {"name": name, "type": "VLLM", "endpoint": {"url": f"{upstream.url}/v1"}, **fields}


def anthropic(upstream: ScriptedUpstream, name: str = "claude", **fields: Any) -> dict[str, Any]:
    """An Anthropic backend of the spec."""
    return {"name": name, "type": "Anthropic", "endpoint": {"url": upstream.url}, **fields}
