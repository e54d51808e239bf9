"""Which Secrets a gateway pod reads, and which keys of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from llmgateway_api import LLMGateway
from llmgateway_operator.desired.naming import Owner
from llmgateway_operator.observe.observed import Observed
from llmgateway_operator.observe.references import references_of

TOKEN_KEYS = ("accessToken", "expiresAt")
"""What pods see of an LLMCredential's target Secret: the refresh token stays with its one writer."""


class MountedSecret(NamedTuple):
    """A Secret and its keys; no keys: all of them."""

    name: str
    keys: tuple[str, ...]

    @property
    def volume(self) -> str:
        """Volume names are DNS labels, Secrets' names are longer and may hold dots."""
        return f"secret-{hashlib.sha256(self.name.encode()).hexdigest()[:10]}"


def mounted_secrets(gateway: LLMGateway, observed: Observed, owner: Owner) -> tuple[MountedSecret, ...]:
    """By name, each once, whether it exists or not."""
    wanted: dict[str, set[str] | None] = {}
    for name, keys in _wanted(gateway, observed, owner):
        known = wanted.setdefault(name, set())
        wanted[name] = None if known is None or keys is None else known | set(keys)
    return tuple(MountedSecret(name, tuple(sorted(keys or ()))) for name, keys in sorted(wanted.items()))


def _wanted(gateway: LLMGateway, observed: Observed, owner: Owner) -> Iterator[tuple[str, tuple[str, ...] | None]]:
    for reference in references_of(gateway):
        if reference.path.startswith(("spec.expose", "spec.image")):
            continue  # read by ingress controllers and kubelets, not by the gateway
        if reference.kind == "Secret":
            yield reference.name, (reference.key,) if reference.key else None
        elif reference.kind == "LLMCredential":
            yield target_of(gateway, observed, reference.name), (reference.key or TOKEN_KEYS[0], *TOKEN_KEYS)
    if gateway.spec.store.managed:
        yield owner.store, ("password",)


def target_of(gateway: LLMGateway, observed: Observed, credential: str) -> str:
    """The Secret with the tokens of an LLMCredential, which may not exist yet."""
    for inline in gateway.inline_credentials:
        if inline.metadata.name == credential:
            return inline.target_secret_name
    facts = observed.credentials.get(credential)
    return facts.credential.target_secret_name if facts else f"{credential}-token"


def secrets_digest(gateway: LLMGateway, observed: Observed, owner: Owner) -> str:
    """SHA-256 over all that pods read of Secrets, salted by the gateway's UID: it says nothing about the values."""
    digest = hashlib.sha256(owner.uid.encode())
    for secret in mounted_secrets(gateway, observed, owner):
        facts = observed.secrets.get(secret.name)
        known: Mapping[str, str] = facts.digests if facts else {}
        for key in sorted(secret.keys or known):
            digest.update(f"\0{secret.name}\0{key}\0{known.get(key, '')}".encode())
    return digest.hexdigest()
