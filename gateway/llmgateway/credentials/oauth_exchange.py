"""One exchange at an OAuth 2.0 token endpoint: the request to build, the answer to read. No I/O.

Sources: RFC 6749 (sections 2.3.1, 4.4, 5, 6), RFC 7523 (JWT bearer), RFC 8693 (token exchange).

An answer is one of three, and the difference decides over a login with a single-use refresh token:
    Granted   new tokens
    Refused   the server read the request and consumed nothing (`invalid_grant`: the token is of no use any more)
    Unclear   nobody knows whether the token was consumed: 5xx, a cut or unreadable answer
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import quote_plus, urlencode

from msgspec import Struct, field

from llmgateway.wire import json_codec

AuthStyle = Literal["Body", "Basic"]
BodyFormat = Literal["Form", "JSON"]

TOKEN_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105  # a name, no secret
JWT_BEARER: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
JWT: Final = "urn:ietf:params:oauth:token-type:jwt"

DEAD_TOKEN_CODES: Final = ("invalid_grant", "bad_refresh_token")  # the latter is GitHub's word
KNOWN_CODES: Final = (
    *DEAD_TOKEN_CODES, "invalid_request", "invalid_client", "unauthorized_client", "unsupported_grant_type",
    "invalid_scope", "invalid_target", "access_denied", "server_error", "temporarily_unavailable", "slow_down",
    "incorrect_client_credentials", "rate_limit_exceeded",
)  # fmt: skip
"""Only these are repeated in messages: a server may echo a token anywhere else."""

LONGEST_LIFE: Final = 10 * 365 * 86400  # seconds; more is no life but a mistake


class Secret:
    """A text that no repr, log or traceback shows."""

    __slots__ = ("value",)

    def __init__(self, value: str) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "Secret(...)"


class TokenEndpoint(Struct, frozen=True, kw_only=True):
    """Where the token endpoint is and what it wants."""

    url: str
    client_id: str = ""
    client_secret: Secret | None = None
    scopes: tuple[str, ...] = ()
    auth_style: AuthStyle = "Body"
    body_format: BodyFormat = "Form"
    parameters: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class RefreshTokenGrant(Struct, frozen=True):
    """RFC 6749, section 6."""

    token: Secret

    def fields(self) -> dict[str, str]:
        return {"grant_type": "refresh_token", "refresh_token": self.token.value}


class ClientCredentialsGrant(Struct, frozen=True):
    """RFC 6749, section 4.4."""

    def fields(self) -> dict[str, str]:
        return {"grant_type": "client_credentials"}


class TokenExchangeGrant(Struct, frozen=True):
    """RFC 8693: the workload's own token as the subject."""

    token: Secret

    def fields(self) -> dict[str, str]:
        return {"grant_type": TOKEN_EXCHANGE, "subject_token": self.token.value}


class JwtBearerGrant(Struct, frozen=True):
    """RFC 7523: the workload's own token as the assertion."""

    token: Secret

    def fields(self) -> dict[str, str]:
        return {"grant_type": JWT_BEARER, "assertion": self.token.value}


Grant = RefreshTokenGrant | ClientCredentialsGrant | TokenExchangeGrant | JwtBearerGrant


class TokenRequest:
    """A POST, ready to be sent; its repr shows nothing of it."""

    __slots__ = ("body", "headers")

    def __init__(self, headers: dict[str, str], body: bytes) -> None:
        self.headers = headers
        self.body = body


class Granted:
    """New tokens. `refresh_token` None: the one that was sent stays valid (RFC 6749, section 6)."""

    __slots__ = ("access_token", "expires_in", "refresh_token", "scopes")

    def __init__(
        self,
        access_token: str,
        refresh_token: str | None = None,
        expires_in: float | None = None,
        scopes: tuple[str, ...] = (),
    ) -> None:
        self.access_token = access_token
        self.refresh_token = refresh_token
        self.expires_in = expires_in
        self.scopes = scopes


class Refused(Struct, frozen=True):
    """The server said no and consumed nothing. `dead`: the token that was sent will never work again."""

    why: str
    dead: bool = False


class Unclear(Struct, frozen=True):
    """The token may have been consumed; the new one did not arrive."""

    why: str


Answer = Granted | Refused | Unclear


def build_request(endpoint: TokenEndpoint, grant: Grant) -> TokenRequest:
    """The one POST. Parameters of the spec add fields; they never replace the grant, the token or the client."""
    fields: dict[str, str] = {"subject_token_type": JWT} if isinstance(grant, TokenExchangeGrant) else {}
    if endpoint.scopes:
        fields["scope"] = " ".join(endpoint.scopes)
    fields |= endpoint.parameters
    headers = {name.lower(): value for name, value in endpoint.headers.items()}
    headers |= {"accept": "application/json", "connection": "close"}
    if endpoint.auth_style == "Basic":
        headers["authorization"] = _basic(endpoint)
    else:
        fields |= _client_fields(endpoint)
    fields |= grant.fields()
    if endpoint.body_format == "JSON":
        headers["content-type"] = "application/json"
        return TokenRequest(headers, json_codec.encode(fields))
    headers["content-type"] = "application/x-www-form-urlencoded"
    return TokenRequest(headers, urlencode(fields).encode())


def read_answer(status: int, body: bytes) -> Answer:
    """What a complete HTTP answer means for the token that was sent."""
    document = _object(body)
    code = document.get("error")
    if 200 <= status < 300:
        return _granted(document) or (_refusal(status, code) if isinstance(code, str) else Unclear("no token in it"))
    if status >= 500 and code != "temporarily_unavailable":
        return Unclear(f"HTTP {status}")
    return _refusal(status, code)


def _client_fields(endpoint: TokenEndpoint) -> dict[str, str]:
    fields = {"client_id": endpoint.client_id} if endpoint.client_id else {}
    if endpoint.client_secret is not None:
        fields["client_secret"] = endpoint.client_secret.value
    return fields


def _basic(endpoint: TokenEndpoint) -> str:
    """RFC 6749, section 2.3.1: both are form-encoded first."""
    secret = endpoint.client_secret.value if endpoint.client_secret else ""
    pair = f"{quote_plus(endpoint.client_id)}:{quote_plus(secret)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json_codec.decode(body)
    except json_codec.InvalidJSON:
        return {}
    return document if isinstance(document, dict) else {}


def _granted(document: Mapping[str, Any]) -> Granted | None:
    access, refresh, scope = (document.get(name) for name in ("access_token", "refresh_token", "scope"))
    if not isinstance(access, str) or not access:
        return None
    return Granted(
        access,
        refresh if isinstance(refresh, str) and refresh else None,
        _life(document.get("expires_in")),
        tuple(scope.split()) if isinstance(scope, str) else (),
    )


def _life(value: object) -> float | None:
    """Some servers write the number as a string."""
    try:
        seconds = float(value) if isinstance(value, (int, float, str)) else 0.0
    except ValueError:
        return None
    return seconds if 0 < seconds < LONGEST_LIFE else None


def _refusal(status: int, code: object) -> Refused:
    known = code if code in KNOWN_CODES else "no known error code"
    return Refused(f"HTTP {status}, {known}", dead=code in DEAD_TOKEN_CODES)
