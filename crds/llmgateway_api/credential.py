"""LLMCredential: one object is one token family with one writer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from llmgateway_api.api_model import ApiModel, Many
from llmgateway_api.metadata import API_VERSION, ObjectMeta
from llmgateway_api.references import SecretKeyReference
from llmgateway_api.scalars import DataKey, DnsName, Duration, Name, Timestamp, Url
from llmgateway_api.status import CredentialStatus

CredentialType = Literal["RefreshToken", "ClientCredentials", "TokenExchange", "Static"]
ParameterValue = Annotated[str, StringConstraints(max_length=2048)]


class CredentialKeys(ApiModel):
    """Under which keys the source Secret holds the parts of the credential."""

    refresh_token: DataKey | None = None
    """Key of the refresh token; needed for type RefreshToken."""
    access_token: DataKey | None = None
    """Key of the access token (or API key); needed for type Static."""
    expires_at: DataKey | None = None
    """Key of the access token's end of life: RFC 3339 or seconds or milliseconds since 1970."""


class CredentialSource(ApiModel):
    """The Secret that a human or Git owns; it is only ever read."""

    name: DnsName
    """Name of the Secret."""
    format: Literal["ClaudeCredentialsJSON", "Keys"] = "Keys"
    """ClaudeCredentialsJSON: the key `.credentials.json` holds the file that Claude's own command line writes.
    Keys: `keys` says where what is."""
    keys: CredentialKeys | None = None
    """Needed for format Keys."""


class CredentialTarget(ApiModel):
    """The Secret that the operator makes and the refresh program writes."""

    secret_name: DnsName | None = None
    """Name of the generated Secret. Left out: `<credential>-token`."""


class OAuth(ApiModel):
    """The token endpoint and how to speak to it (RFC 6749)."""

    token_url: Url
    """The token endpoint. https, or http to a loopback or cluster-internal host."""
    client_id: Name | None = None
    """The OAuth client's id. Needed for ClientCredentials."""
    client_secret_ref: SecretKeyReference | None = None
    """The OAuth client's secret. Left out: a public client."""
    scopes: Annotated[Many[Name], Field(max_length=32)] = ()
    """Scopes to ask for; empty: as many as the server gives."""
    auth_style: Literal["Body", "Basic"] = "Body"
    """Where the client's id and secret go: into the request's body, or into an HTTP Basic header."""
    body_format: Literal["Form", "JSON"] = "Form"
    """How the request's body is written; the RFC says Form, some servers want JSON."""
    parameters: Annotated[dict[str, ParameterValue], Field(max_length=32)] = Field(default_factory=dict)
    """More fields of the request's body, as the server wants them. No secrets: they are stored in the clear."""
    headers: Annotated[dict[str, ParameterValue], Field(max_length=32)] = Field(default_factory=dict)
    """More headers of the request, as the server wants them. No secrets: they are stored in the clear."""
    ca_secret_ref: SecretKeyReference | None = None
    """A PEM bundle of certificate authorities to trust at the token endpoint. Left out: the system's."""


class TokenExchange(ApiModel):
    """How the pod's own identity is exchanged for a token: a projected service-account token is the proof."""

    grant: Literal["TokenExchange", "JWTBearer"] = "TokenExchange"
    """TokenExchange: RFC 8693, the service-account token as subject token. JWTBearer: RFC 7523, as assertion."""
    audience: Name | None = None
    """Audience of the projected service-account token. Left out: the token endpoint's origin."""
    expiration: Duration = Duration("1h")
    """Life of the projected service-account token; Kubernetes gives at least 10m."""


class Refresh(ApiModel):
    """When new tokens are fetched."""

    enabled: bool = False
    """Whether a CronJob refreshes the tokens."""
    schedule: Annotated[str, StringConstraints(min_length=9, max_length=128)] = "0 */4 * * *"
    """When the refresh program looks: five cron fields in UTC. The minute 0 is moved by a hash of the object's UID."""
    before: Duration = Duration("30m")
    """A token that lives longer than this is left alone."""
    requested_at: Timestamp | None = None
    """Raise it to ask for one rotation now."""


class CredentialSpec(ApiModel):
    """What the credential is, where it begins, where it is kept, when it is renewed."""

    type: CredentialType
    """RefreshToken: a login with a (single-use) refresh token. ClientCredentials: an OAuth client of its own.
    TokenExchange: the workload's identity. Static: a key that a human rotates."""
    source_ref: CredentialSource | None = None
    """The bootstrap Secret. Needed for RefreshToken and Static."""
    target: CredentialTarget = CredentialTarget()
    """Where the current tokens are kept."""
    oauth: OAuth | None = None
    """The token endpoint. Needed for all types but Static."""
    exchange: TokenExchange | None = None
    """Only for TokenExchange. Left out there: RFC 8693 with its defaults."""
    refresh: Refresh = Refresh()
    """When new tokens are fetched."""
    suspend: bool = False
    """True: nothing is refreshed until it is false again; the tokens stay."""


class LLMCredential(ApiModel):
    """One token family for one or more backends, with exactly one writer."""

    api_version: Literal["llmgateway.dev/v1alpha1"] = API_VERSION
    """Group and version."""
    kind: Literal["LLMCredential"] = "LLMCredential"
    """The kind."""
    metadata: ObjectMeta
    """Name, namespace, annotations."""
    spec: CredentialSpec
    """What the credential is."""
    status: CredentialStatus | None = None
    """What the operator saw last."""

    @property
    def target_secret_name(self) -> str:
        """The Secret that holds the current tokens."""
        return self.spec.target.secret_name or f"{self.metadata.name}-token"
