"""Credentials that nobody refreshes: the source's access token, copied to where gateways look for it.

The copy has a field manager of its own: when refreshing is switched on later, nothing that was written goes away.
"""

from __future__ import annotations

import base64
import json
from typing import Final

from llmgateway_operator.credential.facts import Facts
from llmgateway_operator.credential.refresh_children import is_refreshed
from llmgateway_operator.credential.refresh_record import ANNOTATION, RefreshRecord, record_of
from llmgateway_operator.credential.source_login import CLAUDE_FILE, CLAUDE_ROOT, SourceLogin
from llmgateway_operator.desired.naming import Manifest

COPY_MANAGER: Final = "llmgateway-operator-copy"
TOKENS: Final = ("accessToken", "refreshToken")


def access_copy(facts: Facts, now: str) -> Manifest | None:
    """What to apply with COPY_MANAGER; None where the copy is right, or where the tokens are the refresh program's."""
    source, record = facts.source, record_of(facts.target) or RefreshRecord()
    if source is None or source.fault or not source.access_token or is_refreshed(facts.credential):
        return None
    if record.taken or facts.has_refresh_token or record.source_hash == source.hash:
        return None
    manifest = facts.owner.token_secret(facts.credential.target_secret_name)
    metadata = {key: manifest["metadata"][key] for key in ("name", "namespace")}
    left = {
        "revision": record.revision + 1,
        "reason": "Fresh",
        "expiresAt": source.expires_at,
        "lastRefreshTime": now,
        "sourceHash": source.hash,
    }
    text = json.dumps({key: value for key, value in left.items() if value}, separators=(",", ":"))
    data = {key: base64.b64encode(value.encode()).decode() for key, value in _data(source).items()}
    return {**manifest, "metadata": {**metadata, "annotations": {ANNOTATION: text}}, "data": data}


def _data(source: SourceLogin) -> dict[str, str]:
    data = {"accessToken": source.access_token}
    if source.expires_at:
        data["expiresAt"] = source.expires_at
    if source.claude is not None:
        shown = {**{key: value for key, value in source.claude.items() if key not in TOKENS}}
        data[CLAUDE_FILE] = json.dumps({CLAUDE_ROOT: {"accessToken": source.access_token, "refreshToken": "", **shown}})
    return data
