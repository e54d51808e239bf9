"""Reads everything that a reconciliation may depend on, in parallel, live."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets as randomness
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from llmgateway_api import LLMCredential, LLMGateway, parse_credential
from llmgateway_operator.cluster.capabilities import Capabilities
from llmgateway_operator.cluster.index import ObjectId
from llmgateway_operator.cluster.kinds import (
    CLAIM,
    CREDENTIAL,
    DEPLOYMENT,
    HTTP_ROUTE,
    SECRET,
    SERVICE,
    Kind,
)
from llmgateway_operator.cluster.port import Cluster, Document
from llmgateway_operator.desired.mounted_secrets import target_of
from llmgateway_operator.desired.naming import Owner
from llmgateway_operator.desired.store_secret import ROTATED_FOR, passwords
from llmgateway_operator.observe.observed import (
    CredentialFacts,
    Observed,
    SecretFacts,
    StorePasswords,
    secret_facts,
)
from llmgateway_operator.observe.pod_trouble import trouble_behind
from llmgateway_operator.observe.references import references_of

Value = TypeVar("Value")


def bare(document: Document) -> Observed:
    """What the object itself says; nothing else is looked at while its spec is invalid."""
    metadata = document["metadata"]
    return Observed(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata["generation"],
        annotations=metadata.get("annotations", {}),
        status=document.get("status", {}),
    )


def referenced(gateway: LLMGateway, observed: Observed) -> frozenset[ObjectId]:
    """Whose changes concern this gateway."""
    namespace = observed.namespace
    found = {ObjectId(each.kind, namespace, each.name) for each in references_of(gateway)}
    tokens = [target_of(gateway, observed, each.name) for each in found if each.kind == CREDENTIAL.kind]
    return frozenset(found) | {ObjectId(SECRET.kind, namespace, name) for name in tokens}


Knows = Callable[[Kind, str, str], bool]
"""Kind, namespace, name: whether the operator knows of such a child; what it does not know of is not asked for."""


async def gather(
    cluster: Cluster, document: Document, gateway: LLMGateway | None, capabilities: Capabilities, knows: Knows
) -> Observed:
    """The view of one LLMGateway. Raises ClusterError."""
    observed = bare(document)
    owner = Owner(observed.namespace, observed.name, observed.uid)
    optional, outdated = await asyncio.gather(capabilities.optional_kinds(), capabilities.outdated_fields())
    reader = _Reader(cluster, observed.namespace, knows)
    deployment = await reader.child(True, DEPLOYMENT, owner.gateway)
    trouble = await trouble_behind(cluster, observed.namespace, deployment)
    if gateway is None:
        return _replace(
            observed, deployment=deployment, trouble=trouble, optional_kinds=optional, outdated_fields=outdated
        )
    managed = gateway.spec.store.managed is not None
    routed = gateway.spec.expose.http_route is not None and HTTP_ROUTE.kind in optional
    store, claim, route = await asyncio.gather(
        reader.child(managed, DEPLOYMENT, owner.store),
        reader.child(managed, CLAIM, owner.store),
        reader.child(routed, HTTP_ROUTE, owner.gateway),
    )
    observed = _replace(
        observed,
        deployment=deployment,
        trouble=trouble,
        store_deployment=store,
        store_trouble=await trouble_behind(cluster, observed.namespace, store),
        claim=claim,
        route=route,
        optional_kinds=optional,
        outdated_fields=outdated,
        credentials=await _credentials(reader, gateway),
    )
    return await _secrets(reader, gateway, observed, owner)


async def _credentials(reader: _Reader, gateway: LLMGateway) -> dict[str, CredentialFacts | None]:
    names = {each.name for each in references_of(gateway) if each.kind == CREDENTIAL.kind}
    return await reader.many(CREDENTIAL, names, _credential_facts)


async def _secrets(reader: _Reader, gateway: LLMGateway, observed: Observed, owner: Owner) -> Observed:
    names = {each.name for each in referenced(gateway, observed) if each.kind == SECRET.kind}
    facts, services = await asyncio.gather(
        reader.many(SECRET, names, secret_facts),
        reader.many(SERVICE, {each.name for each in references_of(gateway) if each.kind == SERVICE.kind}, bool),
    )
    observed = _replace(observed, secrets=facts, services={name: found is not None for name, found in services.items()})
    if gateway.spec.store.managed is None:
        return observed
    generated = await reader.one(SECRET, owner.store)
    known = _passwords(generated) if generated else None
    observed = _replace(observed, passwords=known, fresh_password=randomness.token_urlsafe(32))
    chosen = hashlib.sha256(passwords(observed).current.encode()).hexdigest()
    return _replace(observed, secrets={**observed.secrets, owner.store: SecretFacts({"password": chosen})})


def _credential_facts(document: Document) -> CredentialFacts | None:
    credential = parse_credential(document)
    if not isinstance(credential, LLMCredential):
        return None
    conditions = {each["type"]: each for each in document.get("status", {}).get("conditions", ())}
    ready = conditions.get("Ready", {})
    return CredentialFacts(credential, ready.get("status") == "True", ready.get("message", "not looked at yet"))


def _passwords(secret: Document) -> StorePasswords:
    data = {key: base64.b64decode(value).decode() for key, value in (secret.get("data") or {}).items()}
    rotated_for = (secret["metadata"].get("annotations") or {}).get(ROTATED_FOR, "")
    return StorePasswords(data.get("password", ""), data.get("previous-password", ""), rotated_for)


def _replace(observed: Observed, **changes: Any) -> Observed:
    return Observed(**{**observed.__dict__, **changes})


class _Reader:
    """Reads by name in one namespace."""

    def __init__(self, cluster: Cluster, namespace: str, knows: Knows) -> None:
        self._cluster, self._namespace, self._knows = cluster, namespace, knows

    def one(self, kind: Kind, name: str) -> Awaitable[Document | None]:
        return self._cluster.get(kind, self._namespace, name)

    async def child(self, wanted: bool, kind: Kind, name: str) -> Document | None:
        return await self.one(kind, name) if wanted and self._knows(kind, self._namespace, name) else None

    async def many(
        self, kind: Kind, names: Iterable[str], read: Callable[[Document], Value]
    ) -> dict[str, Value | None]:
        ordered = sorted(names)
        documents = await asyncio.gather(*(self.one(kind, name) for name in ordered))
        return {name: None if each is None else read(each) for name, each in zip(ordered, documents, strict=True)}
