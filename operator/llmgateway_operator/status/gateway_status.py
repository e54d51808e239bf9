"""The status of an LLMGateway, whole: conditions, address, pods, backends, models, store."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from llmgateway_api import Backend, LLMGateway
from llmgateway_operator.desired.gateway_config import config_text
from llmgateway_operator.desired.manifests import owner_of
from llmgateway_operator.desired.mounted_secrets import secrets_digest
from llmgateway_operator.desired.naming import PORT, pod_selector_text
from llmgateway_operator.desired.store_memory import store_memory
from llmgateway_operator.observe.observed import Observed
from llmgateway_operator.observe.references import references_of
from llmgateway_operator.status.checks import broken_references
from llmgateway_operator.status.finding import Finding, Situation
from llmgateway_operator.status.workload import workload_of

MOST_MODELS = 1024
Document = dict[str, Any]


def gateway_status(situation: Situation, found: Sequence[Finding], now: str) -> Document:
    """`now` (RFC 3339) is only used where a condition's status changes. What an invalid spec would say is kept."""
    observed, gateway = situation.observed, situation.gateway
    workload = workload_of(observed.deployment)
    status: Document = {
        "observedGeneration": observed.generation,
        "conditions": conditions(found, observed.status.get("conditions", ()), observed.generation, now),
        "replicas": workload.exist,
        "readyReplicas": workload.ready,
        "selector": pod_selector_text(owner_of(observed)),
    }
    if gateway is None:
        kept = ("url", "backends", "models", "store", "revision")
        return status | {key: observed.status[key] for key in kept if key in observed.status}
    return status | _of_spec(gateway, observed, found)


def conditions(
    found: Iterable[Finding], before: Iterable[Mapping[str, Any]], generation: int, now: str
) -> list[Document]:
    """As `metav1.Condition`; `lastTransitionTime` moves only when the status does."""
    known = {each["type"]: each for each in before}
    return [_condition(each, known.get(each.condition), generation, now) for each in found]


def _condition(one: Finding, before: Mapping[str, Any] | None, generation: int, now: str) -> Document:
    same = before is not None and before["status"] == one.status
    return {
        "type": one.condition,
        "status": one.status,
        "reason": one.reason,
        "message": one.message,
        "lastTransitionTime": before["lastTransitionTime"] if before and same else now,
        "observedGeneration": generation,
    }


def _of_spec(gateway: LLMGateway, observed: Observed, found: Sequence[Finding]) -> Document:
    owner = owner_of(observed)
    text = config_text(gateway, observed, owner) + secrets_digest(gateway, observed, owner)
    broken = [each[0].path for each in broken_references(gateway, observed)]
    return {
        "url": url_of(gateway, observed),
        "backends": [_backend(index, each, gateway, broken) for index, each in enumerate(gateway.spec.backends)],
        "models": _models(gateway),
        "store": _store(gateway, found),
        "revision": hashlib.sha256(text.encode()).hexdigest(),
    }


def url_of(gateway: LLMGateway, observed: Observed) -> str:
    """From outside where the gateway is exposed under a name of its own, else the Service's address."""
    expose = gateway.spec.expose
    hosts = [each for each in expose.hostnames if not each.startswith("*")]
    if hosts and (expose.ingress or expose.http_route):
        tls = expose.ingress is not None and expose.ingress.tls_secret_ref is not None
        return f"{'https' if tls else 'http'}://{hosts[0]}"
    return f"http://{owner_of(observed).gateway}.{observed.namespace}.svc:{PORT}"


def _backend(index: int, backend: Backend, gateway: LLMGateway, broken: Sequence[str]) -> Document:
    path = f"spec.backends[{index}]."
    used = [each for each in references_of(gateway) if each.path.startswith(path) and each.kind != "Service"]
    credential = next((each for each in used if not each.path.endswith("caSecretRef")), None)
    return {
        "name": backend.name,
        "type": backend.type,
        "url": backend.base_url or "",
        "credential": f"{credential.kind}/{credential.name}" if credential else "",
        "ready": not any(each.startswith(path) for each in broken),
    }


def _models(gateway: LLMGateway) -> list[str]:
    """Names and aliases without patterns; each once, in the spec's order."""
    names = [name for model in gateway.spec.models for name in (model.name, *model.aliases)]
    return list(dict.fromkeys(each for each in names if not set(each) & set("*?[")))[:MOST_MODELS]


def _store(gateway: LLMGateway, found: Sequence[Finding]) -> Document:
    store = gateway.spec.store
    kind = next((name for name in ("managed", "external", "local") if getattr(store, name)), "memory")
    ready = any(each.condition == "StoreReady" and each.good for each in found)
    filled = {"maxmemory": str(store_memory(store.managed).maxmemory)} if store.managed else {}
    return {"type": kind.capitalize(), "ready": ready, **filled}
