"""One backend of the spec, ready to be asked: its transport, its credential, its circuit, and how it is addressed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from msgspec import Struct

from llmgateway.failures import Failure, TurnRefused
from llmgateway.translate.translated import UpstreamType
from llmgateway.upstreams.circuit import Circuit
from llmgateway.upstreams.port import Transport, UpstreamAnswer, UpstreamRequest

WireDialect = Literal["chat", "messages"]

ANTHROPIC_VERSION = "2023-06-01"
OAUTH_BETA = "oauth-2025-04-20"
"""Anthropic's own SDK sends this beta with every bearer token (anthropic-sdk-python, credentials)."""
FORWARDED_TO_ANTHROPIC = (b"anthropic-version", b"anthropic-beta")
ANTHROPIC_TYPES: tuple[UpstreamType, ...] = ("Anthropic", "ClaudeAgent")
CREDENTIAL_HEADERS = (b"authorization", b"x-api-key")


class RetrySettings(Struct, frozen=True):
    """Connect attempts on one backend, and the seconds between them (jittered)."""

    attempts: int = 3
    delay: float = 5.0


class CredentialSource(Struct, frozen=True):
    """Where a backend's credential comes from; `read` returns the current value."""

    description: str
    """For messages: the Secret's and the key's names, never the value."""
    read: Callable[[], str | None]
    reload: Callable[[], object] = bool
    """Looks at the source again: after a 401 the credential may have been rotated a moment ago."""
    bearer: bool = False
    """True for OAuth access tokens, which Anthropic wants as a bearer token."""


class _Running:
    __slots__ = ("_answer", "_backend")

    def __init__(self, backend: Backend, answer: UpstreamAnswer) -> None:
        self._backend = backend
        self._answer = answer

    def __enter__(self) -> None:
        self._backend.in_flight += 1

    def __exit__(self, *error: object) -> None:
        self._answer.close()
        self._backend.in_flight -= 1


class Backend:
    """A backend with its pool. `in_flight` counts running requests, so that a retired pool closes after the last."""

    def __init__(
        self,
        name: str,
        upstream_type: UpstreamType,
        transport: Transport,
        *,
        circuit: Circuit | None = None,
        credential: CredentialSource | None = None,
        passthrough: bool = False,
        retry: RetrySettings | None = None,
        context_window: int | None = None,
    ) -> None:
        self.name = name
        self.type = upstream_type
        self.transport = transport
        self.circuit = circuit or Circuit()
        self.credential = credential
        self.passthrough = passthrough
        self.retry = retry or RetrySettings()
        self.context_window = context_window
        self.in_flight = 0
        self.dialect: WireDialect = "messages" if upstream_type in ANTHROPIC_TYPES else "chat"
        """What this backend speaks."""
        self.path = "/v1/messages" if self.dialect == "messages" else "/chat/completions"
        """Relative to what the dialect's official SDK takes as its base URL."""

    @property
    def credential_state(self) -> str:
        """none | passthrough | present | missing."""
        if self.passthrough:
            return "passthrough"
        if self.credential is None:
            return "none"
        return "present" if self.credential.read() else "missing"

    def running(self, answer: UpstreamAnswer) -> _Running:
        """Around the reading of an answer: counts it, and closes it however the block ends."""
        return _Running(self, answer)

    def request(
        self,
        body: bytes,
        client: Mapping[bytes, bytes],
        extra: Mapping[str, str],
        *,
        native: bool,
        path: str = "",
        from_root: bool = False,
    ) -> UpstreamRequest:
        """The upstream request for a body. `client`: the client's headers; `native`: same dialect on both sides;
        `path` and `from_root`: where it goes, if not to the turn's own path.

        Raises TurnRefused when the backend's credential is missing."""
        headers = {"content-type": "application/json", **extra}
        if self.dialect == "messages":
            headers.setdefault("anthropic-version", ANTHROPIC_VERSION)
            if native:
                headers.update(
                    {name.decode(): client[name].decode("latin-1") for name in FORWARDED_TO_ANTHROPIC if name in client}
                )
        headers.update(self._credential_headers(client, headers.get("anthropic-beta")))
        return UpstreamRequest(path or self.path, headers, body, from_root)

    def _credential_headers(self, client: Mapping[bytes, bytes], beta: str | None) -> dict[str, str]:
        if self.passthrough:
            return {name.decode(): client[name].decode("latin-1") for name in CREDENTIAL_HEADERS if name in client}
        if self.credential is None:
            return {}
        value = self.credential.read()
        if not value:
            message = f"Backend {self.name} has no credential: {self.credential.description} is missing or empty."
            raise TurnRefused(Failure(kind="internal", message=message, should_retry=False))
        if self.dialect == "chat":
            return {"authorization": f"Bearer {value}"}
        if not self.credential.bearer:
            return {"x-api-key": value}
        betas = f"{beta},{OAUTH_BETA}" if beta else OAUTH_BETA
        return {"authorization": f"Bearer {value}", "anthropic-beta": betas}
