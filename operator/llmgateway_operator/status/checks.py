"""One pure check per condition: what was observed -> a finding. The order of `CHECKS` is the order of blame."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from llmgateway_api import LLMGateway
from llmgateway_operator.desired.manifests import owner_of
from llmgateway_operator.observe.observed import Observed
from llmgateway_operator.observe.references import Reference, references_of
from llmgateway_operator.status.finding import Finding, Situation, finding
from llmgateway_operator.status.workload import workload_of

Check = Callable[[Situation], Finding]


def accepted(situation: Situation) -> Finding:
    """Valid, and taken by the API server."""
    if situation.gateway is None:
        return finding(
            "Accepted", "InvalidSpec", "; ".join(_place(each.path, each.message) for each in situation.errors)
        )
    if situation.refused:
        return finding("Accepted", "ApplyRejected", "; ".join(situation.refused))
    return finding("Accepted", "Valid")


def _place(path: str, message: str) -> str:
    return f"{path}: {message}" if path else message


def resolved_refs(situation: Situation) -> Finding:
    """Names the first field that leads nowhere, and counts the others."""
    if situation.gateway is None:
        return finding("ResolvedRefs", "InvalidSpec")
    broken = list(broken_references(situation.gateway, situation.observed))
    if not broken:
        return finding("ResolvedRefs", "Resolved")
    reason, message = broken[0][1:]
    more = f" (and {len(broken) - 1} more)" * (len(broken) > 1)
    return finding("ResolvedRefs", reason, message + more)


def broken_references(gateway: LLMGateway, observed: Observed) -> Iterator[tuple[Reference, str, str]]:
    """Each reference that leads nowhere, with reason and message."""
    inline = {each.metadata.name for each in gateway.inline_credentials}
    for reference in references_of(gateway):
        where, what = reference.path, f'{reference.kind} "{reference.name}"'
        if reference.kind == "Secret":
            facts = observed.secrets.get(reference.name)
            if facts is None:
                yield reference, "SecretNotFound", f"{where}: {what} not found"
            elif reference.key is not None and reference.key not in facts.keys:
                yield reference, "SecretKeyNotFound", f'{where}: {what} has no key "{reference.key}"'
        elif reference.kind == "LLMCredential":
            if observed.credentials.get(reference.name) is None and reference.name not in inline:
                yield reference, "CredentialNotFound", f"{where}: {what} not found"
        elif not observed.services.get(reference.name):
            yield reference, "ServiceNotFound", f"{where}: {what} not found"


def credentials_ready(situation: Situation) -> Finding:
    """Only LLMCredentials; a missing one is a broken reference, not a token that is not ready."""
    if situation.gateway is None:
        return finding("CredentialsReady", "InvalidSpec")
    used = [each for each in references_of(situation.gateway) if each.kind == "LLMCredential"]
    for reference in used:
        facts = situation.observed.credentials.get(reference.name)
        if facts is not None and not facts.ready:
            message = f'{reference.path}: LLMCredential "{reference.name}" is not ready'
            return finding("CredentialsReady", "CredentialNotReady", f"{message}: {facts.message}".removesuffix(": "))
    return finding("CredentialsReady", "TokensValid" if used else "NotNeeded")


def store_ready(situation: Situation) -> Finding:
    """Only a managed store can be judged from here."""
    if situation.gateway is None:
        return finding("StoreReady", "InvalidSpec")
    store = situation.gateway.spec.store
    if store.external:
        return finding("StoreReady", "External")
    if not store.managed:
        return finding("StoreReady", "Local" if store.local else "InMemory")
    if situation.gateway.spec.suspend:
        return finding("StoreReady", "Suspended")
    workload = workload_of(situation.observed.store_deployment, situation.observed.store_trouble)
    if workload.ready:
        return finding("StoreReady", "Available")
    reason = "StoreStuck" if workload.stuck else "StoreStarting"
    name = f"Deployment {owner_of(situation.observed).store}"
    return finding("StoreReady", reason, f"{name}: no pod is ready{_why(workload.complaint)}")


def _why(complaint: str) -> str:
    return f": {complaint}" if complaint else ""


def route_ready(situation: Situation) -> Finding:
    """An Ingress is in place once it exists; an HTTPRoute once its Gateways have taken it."""
    if situation.gateway is None:
        return finding("RouteReady", "InvalidSpec")
    expose = situation.gateway.spec.expose
    if expose.http_route is None:
        return finding("RouteReady", "Routed" if expose.ingress else "NotExposed")
    if "HTTPRoute" not in situation.observed.optional_kinds:
        return finding("RouteReady", "GatewayAPIMissing", "spec.expose.httpRoute: the cluster does not serve HTTPRoute")
    return _route(situation.observed)


def _route(observed: Observed) -> Finding:
    name = f"HTTPRoute {owner_of(observed).gateway}"
    parents = (observed.route or {}).get("status", {}).get("parents", ())
    for parent in parents:
        for condition in parent.get("conditions", ()):
            if condition["type"] in ("Accepted", "ResolvedRefs") and condition["status"] == "False":
                said = f"{condition['reason']}: {condition.get('message', '')}".removesuffix(": ")
                return finding("RouteReady", "RouteRefused", f"{name}: Gateway {parent['parentRef']['name']}: {said}")
    if not parents:
        return finding("RouteReady", "RoutePending", f"{name}: no Gateway has taken it yet")
    return finding("RouteReady", "Routed")


CHECKS: Final[tuple[Check, ...]] = (accepted, resolved_refs, credentials_ready, store_ready, route_ready)
"""The checks that stand alone; `summary` puts them together."""
