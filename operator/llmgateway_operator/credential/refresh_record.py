"""What the refresh program leaves on target and recovery Secret: the annotation `llmgateway.dev/refresh-record`.

The program itself (llmgateway.credentials.refresh_record) says what each field means; the two never import each other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

ANNOTATION: Final = "llmgateway.dev/refresh-record"


@dataclass(frozen=True)
class OpenExchange:
    """An exchange whose outcome is not written yet."""

    token: str
    run: str
    first_sent: str


@dataclass(frozen=True)
class RefreshRecord:
    """The fields that the operator reads."""

    revision: int = 0
    reason: str = ""
    message: str = ""
    obtained_at: str = ""
    expires_at: str = ""
    last_refresh_time: str = ""
    failures: int = 0
    request: str = ""
    source_hash: str = ""
    taken: tuple[str, ...] = ()
    dead: str = ""
    intent: OpenExchange | None = None


def record_of(secret: Mapping[str, Any] | None) -> RefreshRecord | None:
    """The record on a Secret, None where there is none. A damaged one counts as a failure, never as a new beginning."""
    text = ((secret or {}).get("metadata", {}).get("annotations") or {}).get(ANNOTATION, "")
    if not text:
        return None
    try:
        return _parse(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError):
        message = f"the annotation {ANNOTATION} is damaged: restore it, or delete target and recovery Secret"
        return RefreshRecord(reason="RefreshFailed", message=message, revision=-1)


def fingerprint(token: str) -> str:
    """As the refresh program computes it."""
    return hashlib.sha256(token.encode()).hexdigest()[:16] if token else ""


def hash_of_data(data: Mapping[str, bytes]) -> str:
    """As the refresh program computes it."""
    digest = hashlib.sha256()
    for key in sorted(data):
        digest.update(f"{len(key)}:{key}{len(data[key])}:".encode() + data[key])
    return digest.hexdigest()


def _parse(found: Mapping[str, Any]) -> RefreshRecord:
    texts = {
        name: str(found.get(wire, ""))
        for name, wire in (
            ("reason", "reason"),
            ("message", "message"),
            ("obtained_at", "obtainedAt"),
            ("expires_at", "expiresAt"),
            ("last_refresh_time", "lastRefreshTime"),
            ("request", "request"),
            ("source_hash", "sourceHash"),
            ("dead", "dead"),
        )
    }
    open_exchange = found.get("intent")
    return RefreshRecord(
        **texts,
        revision=int(found.get("revision", 0)),
        failures=int(found.get("failures", 0)),
        taken=tuple(map(str, found.get("taken", ()))),
        intent=open_exchange
        and OpenExchange(str(open_exchange["token"]), str(open_exchange["run"]), str(open_exchange["firstSent"])),
    )
