"""What the operator may know of a Secret with a login: fingerprints and times; the access token only to copy it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from llmgateway_api import CredentialSource
from llmgateway_operator.credential.refresh_record import fingerprint, hash_of_data

CLAUDE_FILE: Final = ".credentials.json"
CLAUDE_ROOT: Final = "claudeAiOauth"
_LAST_SECOND: Final = 1e11  # larger numbers are milliseconds


@dataclass(frozen=True)
class SourceLogin:
    """`fault` says in words what is wrong with the Secret; empty: nothing."""

    fault: str = ""
    hash: str = ""
    """SHA-256 of the Secret's data."""
    refresh_fingerprint: str = ""
    expires_at: str = ""
    """RFC 3339, empty where unknown."""
    access_token: str = field(default="", repr=False)
    claude: Mapping[str, Any] | None = field(default=None, repr=False)
    """Claude's own object, of the format ClaudeCredentialsJSON."""


def source_login(source: CredentialSource, secret: Mapping[str, Any] | None) -> SourceLogin:
    """The login in the bootstrap Secret, None for a Secret that does not exist."""
    if secret is None:
        return SourceLogin(fault=f"there is no Secret {source.name}")
    data = data_of(secret)
    try:
        parts = _claude_parts(data) if source.format == "ClaudeCredentialsJSON" else _key_parts(source, data)
    except ValueError as error:
        return SourceLogin(fault=f"Secret {source.name} {error}", hash=hash_of_data(data))
    access, refresh, expires, claude = parts
    return SourceLogin("", hash_of_data(data), fingerprint(refresh), _timestamp(expires), access, claude)


def data_of(secret: Mapping[str, Any]) -> dict[str, bytes]:
    """The values of a Secret, decoded."""
    return {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}


def _claude_parts(data: Mapping[str, bytes]) -> tuple[str, str, str, Mapping[str, Any]]:
    try:
        root = json.loads(data[CLAUDE_FILE])[CLAUDE_ROOT]
        return root.get("accessToken") or "", root.get("refreshToken") or "", str(root.get("expiresAt") or ""), root
    except (KeyError, ValueError, TypeError, AttributeError):
        raise ValueError(f"holds no {CLAUDE_ROOT} under the key {CLAUDE_FILE}") from None


def _key_parts(source: CredentialSource, data: Mapping[str, bytes]) -> tuple[str, str, str, None]:
    keys = source.keys
    named = (keys.access_token, keys.refresh_token, keys.expires_at) if keys else (None, None, None)
    for key in named[:2]:
        if key is not None and key not in data:
            raise ValueError(f"has no key {key}")
    access, refresh, expires = (data.get(key or "", b"").decode("utf-8", "replace").strip() for key in named)
    return access, refresh, expires, None


def _timestamp(text: str) -> str:
    try:
        number = float(text)
        moment = datetime.fromtimestamp(number / 1000 if number > _LAST_SECOND else number, UTC)
    except (ValueError, OverflowError, OSError):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return ""
        if moment.tzinfo is None:
            return ""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
