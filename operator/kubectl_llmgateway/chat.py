"""`kubectl llmgateway chat NAME [MESSAGE]`: one turn, or turn after turn from standard input."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from kubectl_llmgateway.conversation import ChatFailed, Conversation
from kubectl_llmgateway.kubectl import GATEWAY, Kubectl
from kubectl_llmgateway.port_forward import forwarded

API_KEY: Final = "LLMGATEWAY_API_KEY"
"""Environment variable with the client's key: arguments stand in the process list."""


def chat(kubectl: Kubectl, name: str, message: str, *, url: str, model: str, client: str) -> None:
    """Prints answers as they come. Raises PluginError."""
    gateway = kubectl.get(GATEWAY, name) if not (url and model) or client else {}
    key = client_key(kubectl, gateway, client) if client else os.environ.get(API_KEY, "")
    way: AbstractContextManager[str] = nullcontext(url) if url else forwarded(kubectl, name)
    with way as reachable:
        conversation = Conversation(reachable, model or first_model(gateway), key)
        for text in [message] if message else _questions():
            for piece in conversation.ask(text):
                print(piece, end="", flush=True)  # noqa: T201  # the answer is what the command prints
            print(flush=True)  # noqa: T201  # as above


def first_model(gateway: Mapping[str, Any]) -> str:
    """What the gateway itself would choose; a gateway without models takes any name."""
    models = gateway["spec"].get("models") or [{"name": "default"}]
    return str(gateway["spec"].get("defaultModel") or models[0]["name"])


def client_key(kubectl: Kubectl, gateway: Mapping[str, Any], client: str) -> str:
    """The client's key from the gateway's Secret, as far as the user may read it. Raises PluginError."""
    reference = (gateway["spec"].get("auth") or {}).get("apiKeys") or {}
    secret = (reference.get("secretRef") or {}).get("name")
    if not secret:
        raise ChatFailed("the gateway has no spec.auth.apiKeys: leave --client out")
    data = kubectl.get("secret", secret).get("data") or {}
    if client not in data:
        raise ChatFailed(f"Secret {secret} has no key {client}")
    return base64.b64decode(data[client]).decode().strip()


def _questions() -> Iterator[str]:
    lines: Iterable[str] = _prompted() if sys.stdin.isatty() else sys.stdin
    return (line.strip() for line in lines if line.strip())


def _prompted() -> Iterator[str]:
    while True:
        try:
            yield input("> ")
        except EOFError:
            return
