"""Which session a request belongs to: what the client says, else a fingerprint of how its conversation began."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Literal

from msgspec import Struct

from llmgateway.policies.conversation import objects_in
from llmgateway.policies.message_content import texts_of
from llmgateway.wire import json_codec

HEADERS = (
    b"x-llmgateway-session-id", b"x-uap-session-id", b"x-claude-session-id", b"x-claude-code-session-id",
    b"anthropic-session-id", b"x-session-id", b"session-id",
)  # fmt: skip
"""In order of preference; x-claude-code-session-id is Claude Code's, session-id is Codex's."""
_NAMES = frozenset(HEADERS)
METADATA = ("session_id", "conversation_id", "thread_id")
_PLAIN = re.compile(r"[\x21-\x7e]{1,128}")
_SYSTEM_ROLES = ("system", "developer")
_USER_ROLE = ("user",)


class SessionId(Struct, frozen=True):
    """An id that is safe in headers and keys: 1 to 128 visible ASCII characters."""

    id: str
    source: Literal["header", "metadata", "fingerprint"]


def session_id(
    headers: Mapping[bytes, bytes], document: Mapping[str, Any], dialect: str, client: str
) -> SessionId:  # fmt: skip
    """By precedence: headers, the document's metadata, a fingerprint. `document` is the client's, in its own dialect;
    `client` the name of its key. For the hot path: ask `from_headers` first, it needs no document."""
    return from_headers(headers) or from_document(document) or fingerprint(document, dialect, client)


def from_headers(headers: Mapping[bytes, bytes]) -> SessionId | None:
    """The first of HEADERS that is there; names are lower case."""
    if _NAMES.isdisjoint(headers):
        return None
    found = next((headers[name] for name in HEADERS if headers.get(name)), None)
    return SessionId(_safe(found.decode("latin-1")), "header") if found else None


def from_document(document: Mapping[str, Any]) -> SessionId | None:
    """`metadata.session_id`, `.conversation_id`, `.thread_id`, the session in Claude Code's `metadata.user_id` (a JSON
    text), or the gateway's own `conversation_id`."""
    metadata = document.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    candidates = [metadata.get(name) for name in METADATA]
    candidates += [_claude_code_session(metadata.get("user_id")), document.get("conversation_id")]
    found = next((each for each in candidates if isinstance(each, str) and each), None)
    return SessionId(_safe(found), "metadata") if found else None


def fingerprint(document: Mapping[str, Any], dialect: str, client: str) -> SessionId:
    """Of client, model, system prompt and first user message: the same for every request of a growing conversation."""
    model = document.get("model")
    parts = (client, model if isinstance(model, str) else "", *_beginning(document, dialect))
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    data = b"".join([b"%d:%b" % (len(part), part) for part in encoded])
    return SessionId(f"fp-{sha256(data).hexdigest()[:32]}", "fingerprint")


def _beginning(document: Mapping[str, Any], dialect: str) -> tuple[str, str]:
    """The system prompt and the first user message of any client dialect, as text."""
    if dialect == "responses":
        turns, own = document.get("input"), document.get("instructions")
        if isinstance(turns, str):
            return _text(own), turns
    else:
        turns, own = document.get("messages"), document.get("system")
    turns = turns if isinstance(turns, list) else []
    return _text(own) or _first(turns, _SYSTEM_ROLES), _first(turns, _USER_ROLE)


def _first(turns: list[Any], roles: Sequence[str]) -> str:
    for turn in turns:
        if isinstance(turn, dict) and turn.get("role") in roles:
            return _text(turn.get("content"))
    return ""


def _text(content: Any) -> str:
    """The words; where there are none (an image alone), the content as it is."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    words = texts_of(content) or [
        part["text"] for part in objects_in(content) if isinstance(part.get("text"), str)
    ]  # fmt: skip
    if words:
        return "\n".join(words)
    try:
        return json_codec.encode(content).decode()
    except (TypeError, ValueError, OverflowError, RecursionError):
        return ""


def _claude_code_session(user: Any) -> str | None:
    if not isinstance(user, str) or not user.startswith("{"):
        return None
    try:
        told = json_codec.decode(user)
    except json_codec.InvalidJSON:
        return None
    found = told.get("session_id") if isinstance(told, dict) else None
    return found if isinstance(found, str) else None


def _safe(text: str) -> str:
    """The text itself, or a digest of what is too long or has other characters."""
    if _PLAIN.fullmatch(text):
        return text
    return f"id-{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"
