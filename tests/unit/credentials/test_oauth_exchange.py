"""Requests to token endpoints, and what their answers mean for a token that can be spent once."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qs

import pytest

from llmgateway.credentials.oauth_exchange import (
    ClientCredentialsGrant,
    Granted,
    JwtBearerGrant,
    RefreshTokenGrant,
    Refused,
    Secret,
    TokenEndpoint,
    TokenExchangeGrant,
    Unclear,
    build_request,
    read_answer,
)

URL = "https://login.example/token"


def form(body: bytes) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(body.decode(), strict_parsing=True).items()}


def test_a_public_client_sends_its_id_and_scopes_in_a_form() -> None:
    endpoint = TokenEndpoint(url=URL, client_id="me", scopes=("a", "b"))
    request = build_request(endpoint, RefreshTokenGrant(Secret("r t")))
    expected = {"grant_type": "refresh_token", "refresh_token": "r t", "client_id": "me", "scope": "a b"}
    assert form(request.body) == expected
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"


def test_a_server_that_wants_json_gets_json_with_its_own_headers() -> None:
    endpoint = TokenEndpoint(url=URL, client_id="me", body_format="JSON", headers={"Anthropic-Beta": "x"})
    request = build_request(endpoint, RefreshTokenGrant(Secret("rt")))
    assert json.loads(request.body)["refresh_token"] == "rt"
    assert request.headers["anthropic-beta"] == "x"


def test_basic_authentication_encodes_id_and_secret_as_a_form_first() -> None:
    endpoint = TokenEndpoint(url=URL, client_id="a b", client_secret=Secret("p:w"), auth_style="Basic")
    request = build_request(endpoint, ClientCredentialsGrant())
    assert base64.b64decode(request.headers["authorization"].removeprefix("Basic ")) == b"a+b:p%3Aw"
    assert form(request.body) == {"grant_type": "client_credentials"}


def test_a_workload_shows_its_own_token_as_subject_or_as_assertion() -> None:
    endpoint = TokenEndpoint(url=URL, parameters={"resource": "x", "grant_type": "stolen", "assertion": "stolen"})
    exchange = form(build_request(endpoint, TokenExchangeGrant(Secret("jwt"))).body)
    assert exchange["subject_token"] == "jwt"
    assert exchange["subject_token_type"] == "urn:ietf:params:oauth:token-type:jwt"
    assert exchange["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange"
    assert exchange["resource"] == "x"
    assert form(build_request(endpoint, JwtBearerGrant(Secret("jwt"))).body)["assertion"] == "jwt"


def test_secrets_have_no_repr() -> None:
    endpoint = TokenEndpoint(url=URL, client_secret=Secret("hidden"))
    request = build_request(endpoint, RefreshTokenGrant(Secret("hidden")))
    shown = repr(
        (endpoint, request, RefreshTokenGrant(Secret("hidden")), read_answer(200, b'{"access_token":"hidden"}'))
    )
    assert "hidden" not in shown


def test_a_grant_may_leave_the_refresh_token_and_write_numbers_as_text() -> None:
    answer = read_answer(200, b'{"access_token": "at", "expires_in": "3600", "scope": "a b"}')
    assert isinstance(answer, Granted)
    assert (answer.refresh_token, answer.expires_in, answer.scopes) == (None, 3600.0, ("a", "b"))


@pytest.mark.parametrize("life", ["-1", "0", '"soon"', "1e300", "null", "[]"])
def test_a_life_that_makes_no_sense_is_unknown(life: str) -> None:
    answer = read_answer(200, f'{{"access_token": "at", "expires_in": {life}}}'.encode())
    assert isinstance(answer, Granted)
    assert answer.expires_in is None


@pytest.mark.behaviour("O3")
@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (400, b'{"error": "invalid_grant"}', "dead"),
        (200, b'{"error": "bad_refresh_token"}', "dead"),
        (401, b'{"error": "invalid_client"}', "refused"),
        (429, b"", "refused"),
        (503, b'{"error": "temporarily_unavailable"}', "refused"),
        (302, b"", "refused"),
        (404, b"<html>", "refused"),
        (500, b"", "unclear"),
        (502, b"<html>", "unclear"),
        (503, b"<html>", "unclear"),
        (500, b'{"error": "server_error"}', "unclear"),
        (200, b"<html>", "unclear"),
        (200, b'{"access', "unclear"),
        (200, b'{"access_token": ""}', "unclear"),
        (200, b"[]", "unclear"),
    ],
)
def test_an_answer_is_unclear_wherever_the_token_may_be_spent(status: int, body: bytes, meaning: str) -> None:
    answer = read_answer(status, body)
    found = (
        "unclear"
        if isinstance(answer, Unclear)
        else "dead"
        if isinstance(answer, Refused) and answer.dead
        else "refused"
    )
    assert found == meaning


def test_a_servers_words_are_repeated_only_where_they_are_known_ones() -> None:
    answer = read_answer(400, b'{"error": "rt-secret", "error_description": "rt-secret is bad"}')
    assert isinstance(answer, Refused)
    assert "secret" not in answer.why
