"""The gateway's own opaque token for reasoning that travels through a client and comes back in its history.

`gw1.` + base64url (RFC 4648, section 5, without padding) of the JSON `{"thinking": text, "signature": text or null}`.
Clients round-trip it verbatim: as `encrypted_content` of a reasoning item, and as `signature` of a thinking block that
no Anthropic model made. It is readable by whoever holds it, as the text beside it is; it is no proof of anything.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode

from llmgateway.wire import json_codec

PREFIX = "gw1."


def wrap(thinking: str, signature: str | None) -> str:
    """The token; `signature` is the producer's own, None for reasoning of a model that signs nothing."""
    data = json_codec.encode({"thinking": thinking, "signature": signature})
    return PREFIX + urlsafe_b64encode(data).rstrip(b"=").decode()


def unwrap(token: str) -> tuple[str, str | None] | None:
    """(thinking, signature), or None for a token of somebody else or a broken one."""
    if not token.startswith(PREFIX):
        return None
    try:
        encoded = token[len(PREFIX) :].encode("ascii")
        found = json_codec.decode(urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4)))
    except (binascii.Error, UnicodeError, json_codec.InvalidJSON):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("thinking"), str):
        return None
    signature = found.get("signature")
    return found["thinking"], signature if isinstance(signature, str) else None


def is_own(token: object) -> bool:
    """True for a token that the gateway made, however broken: no upstream may ever see one."""
    return isinstance(token, str) and token.startswith(PREFIX)
