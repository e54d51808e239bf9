"""The frozen view that builders and judges read."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmgateway_api import LLMCredential

Document = Mapping[str, Any]


@dataclass(frozen=True)
class SecretFacts:
    """What may be known of a Secret: its keys, each with the SHA-256 of its value."""

    digests: Mapping[str, str] = field(repr=False)

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(self.digests)


def secret_facts(secret: Document) -> SecretFacts:
    """Digests instead of values."""
    data = secret.get("data") or {}
    return SecretFacts({key: hashlib.sha256(base64.b64decode(value)).hexdigest() for key, value in data.items()})


@dataclass(frozen=True)
class CredentialFacts:
    """An LLMCredential as it stands; `ready` and `message` are its Ready condition."""

    credential: LLMCredential
    ready: bool
    message: str


@dataclass(frozen=True)
class StorePasswords:
    """The generated password of a managed store and the one before it; both are valid."""

    current: str = field(repr=False)
    previous: str = field(default="", repr=False)
    rotated_for: str = ""
    """The value of the rotation annotation that led to the current one."""


@dataclass(frozen=True)
class Observed:
    """Everything a decision about one LLMGateway may depend on; a name that maps to None was looked for in vain."""

    namespace: str
    name: str
    uid: str
    generation: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    status: Document = field(default_factory=dict)
    secrets: Mapping[str, SecretFacts | None] = field(default_factory=dict)
    credentials: Mapping[str, CredentialFacts | None] = field(default_factory=dict)
    services: Mapping[str, bool] = field(default_factory=dict)
    deployment: Document | None = None
    store_deployment: Document | None = None
    trouble: str = ""
    """What keeps a pod of the gateway from coming up."""
    store_trouble: str = ""
    claim: Document | None = None
    route: Document | None = None
    passwords: StorePasswords | None = None
    """Of the managed store, where its Secret exists."""
    fresh_password: str = field(default="", repr=False)
    """What to use where one has to be made."""
    optional_kinds: frozenset[str] = frozenset()
    """Kinds of CRDs by others that are served here."""
    outdated_fields: tuple[str, ...] = ()
    """Fields of the operator's API types that the installed CRD does not know."""
