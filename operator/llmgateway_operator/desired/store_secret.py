"""The generated password of a managed store, rotatable without a moment in which the one in use is wrong.

Two passwords are valid at any time: the current one and the one before. The store's ACL file holds their hashes; it is
loaded again when it changes (the readiness probe does that), and the gateway reads `password` again when it changes.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from llmgateway_operator.cluster.kinds import SECRET
from llmgateway_operator.desired.naming import Manifest, Owner
from llmgateway_operator.observe.observed import Observed, StorePasswords

ROTATE_AT: Final = "llmgateway.dev/rotate-store-password-at"
"""Annotation of an LLMGateway: a new value asks for a new password."""
ROTATED_FOR: Final = "llmgateway.dev/rotated-for"
"""Annotation of the generated Secret: the value that led to the current password."""
ACL_FILE: Final = "users.acl"
PROBE_USER: Final = "probe"


def passwords(observed: Observed) -> StorePasswords:
    """The passwords that should be: those that are, or a fresh one where none is or a rotation is asked for."""
    asked, known = observed.annotations.get(ROTATE_AT, ""), observed.passwords
    if known is None or not known.current:
        return StorePasswords(observed.fresh_password, "", asked)
    if asked and asked != known.rotated_for:
        return StorePasswords(observed.fresh_password, known.current, asked)
    return known


def store_secret(observed: Observed, owner: Owner) -> Manifest:
    """Gone with it is the password: a deleted Secret gets a new one."""
    chosen = passwords(observed)
    data = {"password": chosen.current, "previous-password": chosen.previous, ACL_FILE: _acl(chosen)}
    encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items() if value}
    secret = owner.child(SECRET, owner.store, "store", type="Opaque", data=encoded)
    if chosen.rotated_for:
        secret["metadata"]["annotations"] = {ROTATED_FOR: chosen.rotated_for}
    return secret


def _acl(chosen: StorePasswords) -> str:
    valid = [f"#{hashlib.sha256(each.encode()).hexdigest()}" for each in (chosen.current, chosen.previous) if each]
    return (
        f"user default on {' '.join(valid)} ~* &* +@all\n"
        f"user {PROBE_USER} on nopass resetkeys resetchannels -@all +ping +acl|load\n"
    )
