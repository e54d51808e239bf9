"""Backends: the model servers behind the gateway and how it speaks to them."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from llmgateway_api.api_model import ApiModel
from llmgateway_api.credential import CredentialSpec
from llmgateway_api.references import CredentialReference, SecretKeyReference, ServiceReference
from llmgateway_api.scalars import DnsLabel, Duration, Positive, Url

BackendType = Literal["OpenAI", "VLLM", "LlamaCpp", "Ollama", "Anthropic", "ClaudeAgent", "Scripted"]

VENDOR_URLS: Final[dict[BackendType, str]] = {
    "OpenAI": "https://api.openai.com/v1",
    "Anthropic": "https://api.anthropic.com",
    "ClaudeAgent": "https://api.anthropic.com",
}
"""The public address of a type whose `endpoint` may be left out."""

OPENAI_COMPATIBLE: Final[frozenset[BackendType]] = frozenset({"OpenAI", "VLLM", "LlamaCpp", "Ollama"})


class Endpoint(ApiModel):
    """Where a backend is: exactly one of `url` and `serviceRef`."""

    url: Url | None = None
    """What the dialect's official SDK takes as its base URL: with `/v1` for OpenAI-compatible servers, without it for
    Anthropic. Holds no credential."""
    service_ref: ServiceReference | None = None
    """A Service of the same namespace, reached by http, or by https where the backend has `tls`."""


class Timeouts(ApiModel):
    """How long the gateway waits for a backend."""

    connect: Duration = Duration("10s")
    """For a connection."""
    read: Duration = Duration("600s")
    """For the next bytes of an answer."""
    write: Duration = Duration("30s")
    """For the backend to take the next bytes of a request."""
    pool: Duration = Duration("10s")
    """For a free place in the connection pool."""


class Limits(ApiModel):
    """What a backend can bear."""

    max_connections: Positive = 1000
    """Connections at a time from one gateway pod; 20 suits a small local server."""
    keep_alive: Duration = Duration("120s")
    """How long an idle connection is kept."""
    context_window: Positive | None = None
    """Size of the model's window in tokens. Left out: asked of the backend, else `policy.context.window`."""


class Retry(ApiModel):
    """What happens when a backend can't be reached and nothing was sent to the client yet."""

    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    """Tries in all."""
    delay: Duration = Duration("5s")
    """Between two tries, with jitter."""


class BackendTls(ApiModel):
    """Whom to trust at a backend."""

    ca_secret_ref: SecretKeyReference
    """A PEM bundle of certificate authorities."""


class SessionPool(ApiModel):
    """Live agent sessions that wait for requests."""

    size: Annotated[int, Field(ge=1, le=64)] = 4
    """Sessions of one gateway pod."""
    idle: Duration = Duration("5m")
    """A session that was idle for longer is recycled."""
    max_turns: Positive = 200
    """A session that served as many turns is recycled."""


class Backend(ApiModel):
    """One model server."""

    name: DnsLabel
    """Name of the backend in this gateway."""
    type: BackendType
    """Which dialect and habits it has. Scripted: built in, answers without a model."""
    endpoint: Endpoint | None = None
    """Where it is. OpenAI, Anthropic and ClaudeAgent, left out: the vendor's public address; Scripted takes none."""
    credential_ref: CredentialReference | None = None
    """The credential that the gateway shows to the backend, and to no other host."""
    auth_passthrough: bool = False
    """Whether the client's own credential goes to this backend."""
    oauth: CredentialSpec | None = None
    """Shorthand: the spec of an LLMCredential; the operator makes and owns it as `<gateway>-<backend>`."""
    timeouts: Timeouts = Timeouts()
    """How long the gateway waits."""
    limits: Limits = Limits()
    """What it can bear."""
    retry: Retry = Retry()
    """When it can't be reached."""
    tls: BackendTls | None = None
    """Whom to trust. Left out: the system's certificate authorities."""
    session_pool: SessionPool | None = None
    """Only for ClaudeAgent. Left out there: the pool's defaults."""

    @property
    def pool(self) -> SessionPool | None:
        """The session pool with its defaults; None for types without one."""
        return (self.session_pool or SessionPool()) if self.type == "ClaudeAgent" else None

    @property
    def base_url(self) -> str | None:
        """What the dialect's official SDK takes as its base URL, without a slash at its end; None for Scripted."""
        if self.endpoint is None:
            return VENDOR_URLS.get(self.type)
        if self.endpoint.service_ref is None:
            return (self.endpoint.url or "").rstrip("/")
        service = self.endpoint.service_ref
        path = service.path if service.path is not None else "/v1" * (self.type in OPENAI_COMPATIBLE)
        return f"{'https' if self.tls else 'http'}://{service.name}:{service.port}{path.rstrip('/')}"

    def credential(self, gateway: str) -> CredentialReference | None:
        """What `credentialRef` or the inline `oauth` of the named gateway come to."""
        if self.oauth is None:
            return self.credential_ref
        return CredentialReference(kind="LLMCredential", name=f"{gateway}-{self.name}")
