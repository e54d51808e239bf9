"""Clients known by a signed token: the issuer's keys from its JWKS, everything else refused."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from llmgateway.failures import TurnRefused
from llmgateway.server.client_tokens import ClientTokens
from llmgateway_api.access import Jwt

SPEC = Jwt.model_validate(
    {"issuer": "https://issuer.example", "audience": "llm", "jwksURL": "https://issuer.example/jwks"}
)


class Issuer:
    """Signs tokens and serves its public keys; counts how often they are fetched."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.fetched = 0
        self.up = True

    def token(self, key: Any = None, **claims: Any) -> str:
        stated = {"iss": SPEC.issuer, "aud": "llm", "sub": "alice", "exp": time.time() + 60, **claims}
        kept = {name: value for name, value in stated.items() if value is not None}
        return jwt.encode(kept, key or self.key, algorithm="ES256", headers={"kid": "one"})

    def tokens(self) -> ClientTokens:
        return ClientTokens(SPEC, httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.fetched += 1
        public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
        return httpx.Response(200 if self.up else 503, json={"keys": [{**public, "kid": "one", "alg": "ES256"}]})


async def test_a_good_token_names_its_subject_and_keys_are_fetched_once() -> None:
    issuer = Issuer()
    tokens = issuer.tokens()
    assert [await tokens.client_of(issuer.token()) for _ in range(3)] == ["alice"] * 3
    assert issuer.fetched == 1


@pytest.mark.parametrize(
    "make",
    [
        lambda issuer: issuer.token(aud="other"),
        lambda issuer: issuer.token(iss="https://other.example"),
        lambda issuer: issuer.token(exp=time.time() - 3600),
        lambda issuer: issuer.token(exp=None),
        lambda issuer: issuer.token(sub=None),
        lambda issuer: issuer.token(key=ec.generate_private_key(ec.SECP256R1())),
        lambda issuer: "a.b.c",
        lambda issuer: jwt.encode({"sub": "alice"}, "", algorithm="none"),
    ],
)
async def test_a_bad_token_is_refused_without_retries(make: Callable[[Issuer], str]) -> None:
    issuer = Issuer()
    token = make(issuer)
    with pytest.raises(TurnRefused) as refused:
        await issuer.tokens().client_of(token)
    assert refused.value.failure.kind == "authentication"
    assert refused.value.failure.should_retry is False
    assert token not in refused.value.failure.message


async def test_made_up_key_ids_do_not_become_requests_to_the_issuer() -> None:
    issuer = Issuer()
    tokens = issuer.tokens()
    await tokens.client_of(issuer.token())
    for _ in range(5):
        with pytest.raises(TurnRefused):
            await tokens.client_of(jwt.encode({"sub": "x"}, issuer.key, algorithm="ES256", headers={"kid": "two"}))
    assert issuer.fetched == 1


async def test_an_issuer_that_is_away_is_503_and_not_401() -> None:
    issuer = Issuer()
    issuer.up = False
    with pytest.raises(TurnRefused) as refused:
        await issuer.tokens().client_of(issuer.token())
    assert refused.value.failure.kind == "unavailable"
