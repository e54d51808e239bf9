"""What one run leaves for the next and for the operator: the annotation `llmgateway.dev/refresh-record`, as JSON.

It stands on the target Secret and, as a second copy, on the recovery Secret. Tokens appear only as fingerprints.
Times are RFC 3339. Readers ignore fields that they do not know.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final, Literal

import msgspec
from msgspec import Struct

from llmgateway.credentials import timestamps
from llmgateway.wire import json_codec

ANNOTATION: Final = "llmgateway.dev/refresh-record"

MOST_TAKEN: Final = 512
"""Bootstrap tokens remembered: at one new login a week, ten years."""

Reason = Literal[
    "", "Fresh", "RefreshFailed", "RefreshAmbiguous", "ReauthRequired", "SourceMissing", "SourceUnreadable",
    "SourceRejected",
]  # fmt: skip


class Intent(Struct, frozen=True, kw_only=True, rename="camel"):
    """A refresh token is about to be sent, or was: written before, removed with the outcome."""

    token: str
    """Fingerprint of the token."""
    run: str
    """`<Job>/<Pod uid>` of the run that sends it now."""
    first_sent: str
    """When it may have been sent for the first time."""


class Record(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The state of one token family."""

    revision: int = 0
    """Counts the writes of new tokens."""
    reason: Reason = ""
    """How the last run ended."""
    message: str = ""
    """The same in a sentence, without secrets."""
    obtained_at: str = ""
    """When the current access token was fetched; empty: unknown."""
    expires_at: str = ""
    """When it ends; empty: unknown."""
    last_refresh_time: str = ""
    """When tokens were last written."""
    failures: int = 0
    """Runs that failed since."""
    request: str = ""
    """The request for a rotation that was fulfilled last."""
    source_hash: str = ""
    """SHA-256 of the bootstrap Secret that the family began with."""
    taken: tuple[str, ...] = ()
    """Fingerprints of all refresh tokens ever taken from the bootstrap Secret: none is taken twice."""
    reusable: str = ""
    """Fingerprint of a token that the server left valid after it was sent."""
    dead: str = ""
    """Fingerprint of a token that must not be sent again."""
    intent: Intent | None = None
    """An exchange whose outcome is not written yet."""


class UnreadableRecord(ValueError):
    """The annotation holds no record."""


_decoder = json_codec.typed_decoder(Record)


def encode(record: Record) -> str:
    """The annotation's value."""
    return json_codec.encode(record).decode()


def decode(text: str) -> Record | None:
    """The record, or None for an empty text. Raises UnreadableRecord: what was spent must never be guessed."""
    try:
        return _decoder.decode(text) if text else None
    except (msgspec.MsgspecError, UnicodeError):
        raise UnreadableRecord(f"the annotation {ANNOTATION} is damaged") from None


def fingerprint(token: str) -> str:
    """16 hexadecimal digits of the SHA-256; empty for no token."""
    return hashlib.sha256(token.encode()).hexdigest()[:16] if token else ""


def hash_of_data(data: Mapping[str, bytes]) -> str:
    """SHA-256 over the keys and values of a Secret, in hexadecimal."""
    digest = hashlib.sha256()
    for key in sorted(data):
        digest.update(f"{len(key)}:{key}{len(data[key])}:".encode() + data[key])
    return digest.hexdigest()


def first_sent(record: Record) -> float:
    """When the open intent's token may have been sent first; long ago when nobody knows."""
    return (timestamps.from_text(record.intent.first_sent) if record.intent else None) or 0.0


def remember(taken: tuple[str, ...], token: str) -> tuple[str, ...]:
    """`taken` with one more fingerprint."""
    return taken if token in taken else (*taken, token)[-MOST_TAKEN:]
