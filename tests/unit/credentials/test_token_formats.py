"""Logins as they come in, and as they are kept."""

from __future__ import annotations

import json

import pytest

from llmgateway.credentials import timestamps
from llmgateway.credentials.token_formats import (
    SourceShape,
    Tokens,
    UnreadableLogin,
    kept,
    merged,
    read_kept,
    read_source,
)

CLAUDE = SourceShape(format="ClaudeCredentialsJSON")
LOGIN = {
    "accessToken": "at",
    "refreshToken": "rt",
    "expiresAt": 1_800_000_000_000,
    "scopes": ["user:inference"],
    "subscriptionType": "max",
}


def test_claudes_file_is_read_with_its_times_in_milliseconds() -> None:
    tokens = read_source(CLAUDE, {".credentials.json": json.dumps({"claudeAiOauth": LOGIN}).encode()})
    assert (tokens.access, tokens.refresh, tokens.expires_at) == ("at", "rt", 1_800_000_000.0)


def test_claudes_file_is_kept_without_its_refresh_token_and_with_everything_else() -> None:
    tokens = read_source(CLAUDE, {".credentials.json": json.dumps({"claudeAiOauth": LOGIN}).encode()})
    data = kept(tokens)
    assert json.loads(data[".credentials.json"])["claudeAiOauth"] == {**LOGIN, "refreshToken": ""}
    assert data["expiresAt"] == b"2027-01-15T08:00:00Z"
    again = read_kept(data)
    assert (again.access, again.refresh, again.expires_at, again.claude) == ("at", "rt", 1_800_000_000.0, tokens.claude)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"claudeAiOauth": 1}', b"\xff"])
def test_a_damaged_file_is_named_and_not_shown(text: bytes) -> None:
    with pytest.raises(UnreadableLogin, match=r"key \.credentials\.json"):
        read_source(CLAUDE, {".credentials.json": text})


@pytest.mark.parametrize("text", ["2027-01-15T08:00:00Z", "2027-01-15T09:00:00+01:00", "1800000000", "1800000000000"])
def test_an_end_of_life_comes_in_three_notations(text: str) -> None:
    shape = SourceShape(keys={"refreshToken": "r", "expiresAt": "e"})
    assert read_source(shape, {"r": b" rt\n", "e": text.encode()}).expires_at == 1_800_000_000.0


@pytest.mark.parametrize("text", ["", "soon", "2027-01-15T08:00:00", "-1"])
def test_an_unknown_end_of_life_is_none(text: str) -> None:
    assert timestamps.from_text(text) is None


def test_a_new_login_replaces_the_old_one_whole_and_leaves_other_keys() -> None:
    old = {"accessToken": b"a", "refreshToken": b"r", "expiresAt": b"2020-01-01T00:00:00Z", "note": b"mine"}
    assert merged(old, Tokens("b", "s")) == {"accessToken": b"b", "refreshToken": b"s", "note": b"mine"}
