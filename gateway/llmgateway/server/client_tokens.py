"""Clients known by a signed token (RFC 7519), with the issuer's public keys from its JWKS (RFC 7517)."""

from __future__ import annotations

import time
from typing import Any

import httpx
import jwt

from llmgateway.failures import Failure, TurnRefused
from llmgateway_api.access import Jwt

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures with a public key only: a shared secret has no place in a JWKS, and `none` is no signature."""
REFRESH_AFTER = 600.0
"""Seconds after which the keys are fetched again."""
ASK_AGAIN_AFTER = 10.0
"""Seconds between two fetches for a key id that nobody knows: made-up ids must not become requests to the issuer."""
LEEWAY = 30.0
"""Seconds that clocks may differ."""


class ClientTokens:
    """Verifies tokens of one issuer for one audience."""

    def __init__(self, spec: Jwt, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.spec = spec
        self._transport = transport
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = float("-inf")

    async def client_of(self, token: str) -> str:
        """The token's `sub`. Raises TurnRefused (authentication; unavailable while the issuer's keys can't be had)."""
        try:
            key = await self._key(str(jwt.get_unverified_header(token).get("kid", "")))
            claims: dict[str, Any] = jwt.decode(
                token, key, algorithms=list(ALGORITHMS), audience=self.spec.audience, issuer=self.spec.issuer,
                leeway=LEEWAY, options={"require": ["exp", "sub"]},
            )  # fmt: skip
        except jwt.ExpiredSignatureError:
            raise _refused("The token has expired: get a new one from the issuer.") from None
        except (jwt.PyJWTError, ValueError):
            message = f"The token is not one of {self.spec.issuer} for audience {self.spec.audience!r}."
            raise _refused(message) from None
        return str(claims["sub"])

    async def _key(self, identifier: str) -> jwt.PyJWK:
        age = time.monotonic() - self._fetched_at
        if age > REFRESH_AFTER or (identifier not in self._keys and age > ASK_AGAIN_AFTER):
            await self._fetch()
        found = self._keys.get(identifier) or (next(iter(self._keys.values()), None) if not identifier else None)
        if found is None:
            raise jwt.InvalidKeyError("unknown key id")
        return found

    async def _fetch(self) -> None:
        """Takes over the issuer's keys; known ones stay in use while the issuer does not answer."""
        try:
            async with httpx.AsyncClient(timeout=10, transport=self._transport) as client:
                answer = await client.get(self.spec.jwks_url)
                answer.raise_for_status()
                keys = jwt.PyJWKSet.from_dict(answer.json()).keys
        except (httpx.HTTPError, ValueError, jwt.PyJWTError):
            if not self._keys:
                message = "The token issuer's public keys can't be fetched just now: try again."
                raise TurnRefused(Failure(kind="unavailable", message=message, retry_after=5)) from None
            return
        self._keys = {key.key_id or "": key for key in keys}
        self._fetched_at = time.monotonic()


def _refused(message: str) -> TurnRefused:
    return TurnRefused(Failure(kind="authentication", message=message, code="invalid_api_key", should_retry=False))
