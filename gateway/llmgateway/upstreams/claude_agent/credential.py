"""With what a session shows itself to the API. The credential comes with each request, in the headers that the backend
made, and goes to the process over its pipe: no environment and no process list ever holds it, and a new one needs no
new process.

x-api-key K                         ANTHROPIC_API_KEY
authorization: Bearer sk-ant-oat... CLAUDE_CODE_OAUTH_TOKEN (a login's token: the program then shows itself as it is)
authorization: Bearer T             ANTHROPIC_AUTH_TOKEN
neither                             the login folder's .credentials.json, which the program itself renews
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

OAUTH_PREFIX: Final = "sk-ant-oat"
BEARER: Final = "bearer "
EMPTY: Final = {"ANTHROPIC_API_KEY": "", "ANTHROPIC_AUTH_TOKEN": "", "CLAUDE_CODE_OAUTH_TOKEN": ""}
PLAIN: Final = {"CLAUDE_CODE_SIMPLE": "1", "CLAUDE_CODE_ATTRIBUTION_HEADER": "0"}
"""With a key of one's own: nothing but the client's prompt, and a prefix that stays the same."""
LOGIN: Final = {"CLAUDE_CODE_SIMPLE": "", "CLAUDE_CODE_ATTRIBUTION_HEADER": "1"}
"""A login is for the vendor's own client: it shows itself in full. The simple mode knows no logins."""
OWN_BETAS: Final = frozenset({
    "claude-code-20250219", "interleaved-thinking-2025-05-14", "context-management-2025-06-27",
    "thinking-token-count-2026-05-13", "effort-2025-11-24",
})  # fmt: skip
"""The program names these itself."""


class Credential(Struct, frozen=True):
    """`variables`: for the session; `owner`: a digest that tells two credentials apart; `api_key`: usable over HTTP."""

    variables: dict[str, str]
    owner: bytes
    api_key: bool = False
    login: bool = False

    def __repr__(self) -> str:
        return "Credential(...)"


def credential_of(headers: Mapping[str, str]) -> Credential:
    """What the request's headers say; a login where they say nothing."""
    key = headers.get("x-api-key")
    if key:
        return Credential({**EMPTY, **PLAIN, "ANTHROPIC_API_KEY": key}, _owner(key), api_key=True)
    value = headers.get("authorization", "")
    token = value[len(BEARER) :].strip() if value.lower().startswith(BEARER) else ""
    if token.startswith(OAUTH_PREFIX):
        return Credential({**EMPTY, **LOGIN, "CLAUDE_CODE_OAUTH_TOKEN": token}, _owner(token))
    if token:
        return Credential({**EMPTY, **PLAIN, "ANTHROPIC_AUTH_TOKEN": token}, _owner(token))
    return Credential({**EMPTY, **LOGIN}, _owner(""), login=True)


def betas_of(headers: Mapping[str, str]) -> str:
    """The `anthropic-beta` list for the session: what the client and the backend ask for beyond the program's own."""
    names = (name.strip() for name in headers.get("anthropic-beta", "").split(","))
    return ",".join(dict.fromkeys(name for name in names if name and name not in OWN_BETAS))


def _owner(secret: str) -> bytes:
    return hashlib.blake2b(secret.encode(), digest_size=16).digest()
