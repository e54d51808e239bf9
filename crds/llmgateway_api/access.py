"""Who may call the gateway, and how much."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from llmgateway_api.api_model import BY_NAME, ApiModel, Many
from llmgateway_api.references import SecretReference
from llmgateway_api.scalars import DataKey, Name, Origin, Positive, Url


class ApiKeys(ApiModel):
    """Clients known by a key."""

    secret_ref: SecretReference
    """Each key of the Secret is a client's name, its value that client's API key."""


class Jwt(ApiModel):
    """Clients known by a signed token (RFC 7519); the client's name is its `sub`."""

    issuer: Name
    """The `iss` that tokens must have."""
    audience: Name
    """The `aud` that tokens must have."""
    jwks_url: Url
    """Where the issuer's public keys are (RFC 7517). https, or http to a loopback or cluster-internal host."""


class Client(ApiModel):
    """What one client may do."""

    name: DataKey
    """The client's name: a key of the Secret, or the `sub` of a token."""
    models: Annotated[Many[Name], Field(max_length=64)] = ()
    """Names of the models that it may use; empty: all."""
    requests_per_minute: Positive | None = None
    """Left out: no limit."""
    tokens_per_minute: Positive | None = None
    """Input and output together. Left out: no limit."""
    tokens_per_day: Annotated[int, Field(ge=1, le=1000000000000)] | None = None
    """Input and output together, by UTC days. Left out: no limit."""


class Auth(ApiModel):
    """Who may call the gateway. Nothing given: everybody."""

    api_keys: ApiKeys | None = None
    """Clients known by a key. Left out: no keys."""
    jwt: Jwt | None = None
    """Clients known by a signed token. Left out: no tokens."""
    clients: Annotated[Many[Client], Field(max_length=256), BY_NAME] = ()
    """Limits of single clients; a client that is not listed has none."""

    @property
    def open(self) -> bool:
        """Whether everybody may call."""
        return self.api_keys is None and self.jwt is None


class Cors(ApiModel):
    """Which web pages may call the gateway from a browser."""

    allow_origins: Annotated[Many[Origin], Field(max_length=64)] = ()
    """Origins such as https://app.example, or *; empty: none."""
