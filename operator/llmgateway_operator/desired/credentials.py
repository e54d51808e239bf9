"""The LLMCredentials that inline `oauth` stands for; from there on they are reconciled like any other."""

from __future__ import annotations

from collections.abc import Iterator

from llmgateway_api import LLMGateway
from llmgateway_operator.cluster.kinds import CREDENTIAL
from llmgateway_operator.desired.naming import Manifest, Owner


def credential_manifests(gateway: LLMGateway, owner: Owner) -> Iterator[Manifest]:
    """One per backend with `oauth`, named `<gateway>-<backend>`."""
    for credential in gateway.inline_credentials:
        yield owner.child(CREDENTIAL, credential.metadata.name, "gateway", spec=credential.spec.as_document())
