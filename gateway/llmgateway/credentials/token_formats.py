"""The two shapes in which a login arrives, and the one in which it is kept.

Source: `Keys` (which key holds what is configured) or `ClaudeCredentialsJSON` (the file that Claude's own command line
writes: {"claudeAiOauth": {accessToken, refreshToken, expiresAt in ms, scopes, subscriptionType, ...}}).
Kept: accessToken, refreshToken, expiresAt (RFC 3339), for ClaudeCredentialsJSON also `.credentials.json`, whose
refreshToken is empty: a reader that could refresh would be a second writer (docs/decisions/0201).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from msgspec import Struct, field

from llmgateway.credentials import timestamps
from llmgateway.wire import json_codec

SourceFormat = Literal["Keys", "ClaudeCredentialsJSON"]

ACCESS_TOKEN: Final = "accessToken"  # noqa: S105  # a key, no secret
REFRESH_TOKEN: Final = "refreshToken"  # noqa: S105  # a key, no secret
EXPIRES_AT: Final = "expiresAt"
CLAUDE_FILE: Final = ".credentials.json"
CLAUDE_ROOT: Final = "claudeAiOauth"


class UnreadableLogin(ValueError):
    """The Secret holds no login in this format; the message names the key, never a value."""


class Tokens:
    """One login. `claude` holds the other fields of Claude's file (scopes, subscription); None for other formats."""

    __slots__ = ("access", "claude", "expires_at", "refresh")

    def __init__(
        self,
        access: str = "",
        refresh: str = "",
        expires_at: float | None = None,
        claude: Mapping[str, Any] | None = None,
    ) -> None:
        self.access = access
        self.refresh = refresh
        self.expires_at = expires_at
        self.claude = claude

    def __repr__(self) -> str:
        return f"Tokens(expires_at={self.expires_at})"


class SourceShape(Struct, frozen=True, kw_only=True):
    """How the bootstrap Secret is written: `keys` says under which key a part is, for format Keys."""

    format: SourceFormat = "Keys"
    keys: Mapping[str, str] = field(default_factory=dict)


def read_source(shape: SourceShape, data: Mapping[str, bytes]) -> Tokens:
    """The login in a bootstrap Secret; parts that are not there are empty. Raises UnreadableLogin."""
    if shape.format == "ClaudeCredentialsJSON":
        return _from_claude(data)
    access, refresh, expires = (_text(data, shape.keys.get(part, "")) for part in _PARTS)
    return Tokens(access, refresh, timestamps.from_text(expires))


def read_kept(data: Mapping[str, bytes]) -> Tokens:
    """The login as `kept` wrote it; an unreadable Claude file only loses its additional fields."""
    access, refresh, expires = (_text(data, part) for part in _PARTS)
    return Tokens(access, refresh, timestamps.from_text(expires), _claude_fields(data))


def kept(tokens: Tokens) -> dict[str, bytes]:
    """The keys of the target Secret."""
    data = {ACCESS_TOKEN: tokens.access.encode()} if tokens.access else {}
    if tokens.refresh:
        data[REFRESH_TOKEN] = tokens.refresh.encode()
    if tokens.expires_at is not None:
        data[EXPIRES_AT] = timestamps.to_text(tokens.expires_at).encode()
    if tokens.claude is not None:
        data[CLAUDE_FILE] = _claude_file(tokens)
    return data


def merged(data: Mapping[str, bytes], tokens: Tokens) -> dict[str, bytes]:
    """`data` with the login replaced as a whole. Keys of others stay; so does a refresh token without a successor."""
    stays = {key: value for key, value in data.items() if key not in (ACCESS_TOKEN, EXPIRES_AT, CLAUDE_FILE)}
    return {**stays, **kept(tokens)}


def _from_claude(data: Mapping[str, bytes]) -> Tokens:
    if CLAUDE_FILE not in data:
        raise UnreadableLogin(f"has no key {CLAUDE_FILE}")
    root = _claude_root(data)
    if root is None:
        raise UnreadableLogin(f"key {CLAUDE_FILE} holds no object {CLAUDE_ROOT}")
    access, refresh, expires = (root.get(part) for part in _PARTS)
    return Tokens(
        access if isinstance(access, str) else "",
        refresh if isinstance(refresh, str) else "",
        timestamps.from_number(expires) if isinstance(expires, (int, float)) and expires > 0 else None,
        _without_tokens(root),
    )


def _claude_fields(data: Mapping[str, bytes]) -> dict[str, Any] | None:
    root = _claude_root(data) if CLAUDE_FILE in data else None
    return None if root is None else _without_tokens(root)


def _claude_root(data: Mapping[str, bytes]) -> dict[str, Any] | None:
    try:
        document = json_codec.decode(data[CLAUDE_FILE])
    except json_codec.InvalidJSON:
        return None
    root = document.get(CLAUDE_ROOT) if isinstance(document, dict) else None
    return root if isinstance(root, dict) else None


def _without_tokens(root: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in root.items() if name not in _PARTS}


def _claude_file(tokens: Tokens) -> bytes:
    expires = int((tokens.expires_at or 0) * 1000)
    shown = {ACCESS_TOKEN: tokens.access, REFRESH_TOKEN: "", EXPIRES_AT: expires, **(tokens.claude or {})}
    return json_codec.encode({CLAUDE_ROOT: shown})


def _text(data: Mapping[str, bytes], key: str) -> str:
    return data.get(key, b"").decode("utf-8", "replace").strip()


_PARTS: Final = (ACCESS_TOKEN, REFRESH_TOKEN, EXPIRES_AT)
