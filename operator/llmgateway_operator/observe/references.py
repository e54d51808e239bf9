"""What a gateway's spec refers to, and from which field: the words of `why not`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from llmgateway_api import LLMGateway


class Reference(NamedTuple):
    """A field that names another object. `key` is the key in a Secret; None: any or none."""

    path: str
    kind: str
    name: str
    key: str | None = None


def references_of(gateway: LLMGateway) -> tuple[Reference, ...]:
    """All references of the spec, in its order."""
    return tuple(_references(gateway))


def _references(gateway: LLMGateway) -> Iterator[Reference]:
    spec = gateway.spec
    for index, backend in enumerate(spec.backends):
        path = f"spec.backends[{index}]"
        if credential := backend.credential(gateway.metadata.name):
            field = "oauth" if backend.oauth else "credentialRef"
            yield Reference(f"{path}.{field}", credential.kind, credential.name, credential.key)
        if backend.endpoint and (service := backend.endpoint.service_ref):
            yield Reference(f"{path}.endpoint.serviceRef", "Service", service.name)
        if backend.tls:
            authority = backend.tls.ca_secret_ref
            yield Reference(f"{path}.tls.caSecretRef", "Secret", authority.name, authority.key)
    if spec.auth.api_keys:
        yield Reference("spec.auth.apiKeys.secretRef", "Secret", spec.auth.api_keys.secret_ref.name)
    if spec.store.external and (password := spec.store.external.credential_ref):
        yield Reference("spec.store.external.credentialRef", password.kind, password.name, password.key)
    if spec.expose.ingress and (certificate := spec.expose.ingress.tls_secret_ref):
        yield Reference("spec.expose.ingress.tlsSecretRef", "Secret", certificate.name)
    for index, login in enumerate(spec.image.pull_secrets):
        yield Reference(f"spec.image.pullSecrets[{index}]", "Secret", login.name)
