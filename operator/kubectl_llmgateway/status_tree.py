"""What `kubectl llmgateway status` shows: pure, from documents to a tree."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any, Final

from kubectl_llmgateway.moments import ago_or_ahead, moment
from kubectl_llmgateway.tree import Branch, State

Document = Mapping[str, Any]

_ABNORMAL: Final = {"Reconciling": State.BUSY, "Stalled": State.BAD, "ConfigurationWarning": State.WARNING}
"""Conditions that are there only while something is not as usual."""


def credential_names(gateway: Document) -> list[str]:
    """The LLMCredentials that the gateway's backends use, inline ones included, without repeats."""
    owner = gateway["metadata"]["name"]
    names = dict.fromkeys(_credential_of(owner, each) for each in gateway["spec"].get("backends", ()))
    return [name for name in names if name]


def _credential_of(owner: str, backend: Document) -> str:
    if "oauth" in backend:
        return f"{owner}-{backend['name']}"
    reference = backend.get("credentialRef") or {}
    return str(reference.get("name", "")) if reference.get("kind") == "LLMCredential" else ""


def gateway_tree(gateway: Document, credentials: Mapping[str, Document], now: datetime.datetime) -> Branch:
    """`credentials`: those of `credential_names` that exist."""
    metadata, status = gateway["metadata"], gateway.get("status") or {}
    parts = [
        *_facts(status),
        Branch("conditions", below=tuple(_conditions(gateway))),
        Branch("backends", below=tuple(_backends(gateway))),
    ]
    if names := credential_names(gateway):
        below = tuple(credential_branch(name, credentials.get(name), now) for name in names)
        parts.append(Branch("credentials", below=below))
    title = f"LLMGateway {metadata['namespace']}/{metadata['name']}"
    return Branch(f"{title}: {_verdict(gateway)}", _overall(gateway), tuple(parts))


def _facts(status: Document) -> Iterator[Branch]:
    if url := status.get("url"):
        yield Branch(f"url: {url}")
    if "replicas" in status:
        yield Branch(f"pods: {status.get('readyReplicas') or 0} of {status['replicas']} ready")
    if models := status.get("models"):
        yield Branch(f"models: {', '.join(models)}")
    if store := status.get("store"):
        more = f", maxmemory {store['maxmemory']}" if store.get("maxmemory") else ""
        yield Branch(f"store: {store['type']}{more}", State.GOOD if store.get("ready") else State.BUSY)


def _conditions(document: Document) -> Iterator[Branch]:
    found = list(_found(document).values())
    width = max((len(each["type"]) for each in found), default=0)
    for each in found:
        message = f"  {each['message']}" if each.get("message") else ""
        yield Branch(f"{each['type']:<{width}}  {each['reason']}{message}", _state(each))
    if not found:
        yield Branch("none yet: the operator has not looked at it", State.BUSY)


def _backends(gateway: Document) -> Iterator[Branch]:
    seen = {each["name"]: each for each in (gateway.get("status") or {}).get("backends", ())}
    for each in gateway["spec"].get("backends", ()):
        status = seen.get(each["name"])
        details = [each["name"], each["type"]] + [(status or {}).get(key, "") for key in ("url", "credential")]
        state = State.BUSY if status is None else State.GOOD if status.get("ready") else State.BAD
        yield Branch("  ".join(part for part in details if part), state)


def credential_branch(name: str, credential: Document | None, now: datetime.datetime) -> Branch:
    """One line about the tokens' ages, and below it what is wrong."""
    if credential is None:
        return Branch(f"{name}: does not exist", State.BAD)
    ages = list(_ages(credential.get("status") or {}, now))
    wrong = tuple(
        Branch(f"{each['type']}  {each['reason']}  {each.get('message', '')}".rstrip(), _state(each))
        for each in _found(credential).values()
        if _state(each) is not State.GOOD
    )
    return Branch(f"{name}: {', '.join([credential['spec']['type'], *ages])}", _overall(credential), wrong)


def _ages(status: Document, now: datetime.datetime) -> Iterator[str]:
    if expires := moment(status.get("expiresAt")):
        yield f"{'expires' if expires > now else 'expired'} {ago_or_ahead(expires, now)}"
    if refreshed := moment(status.get("lastRefreshTime")):
        yield f"refreshed {ago_or_ahead(refreshed, now)}"
    if following := moment(status.get("nextRefreshTime")):
        yield f"next refresh {ago_or_ahead(following, now) if following > now else 'due'}"
    if status.get("revision") is not None:
        yield f"revision {status['revision']}"
    if failures := status.get("consecutiveFailures"):
        yield f"{failures} failed in a row"


def _found(document: Document) -> dict[str, Document]:
    return {each["type"]: each for each in (document.get("status") or {}).get("conditions", ())}


def _state(condition: Document) -> State:
    if abnormal := _ABNORMAL.get(condition["type"]):
        return abnormal if condition["status"] == "True" else State.GOOD
    return {"True": State.GOOD, "False": State.BAD}.get(condition["status"], State.BUSY)


def _overall(document: Document) -> State:
    found = _found(document)
    if _outdated(document) or "Ready" not in found:
        return State.BUSY
    if found["Ready"]["status"] != "True" and found.get("Reconciling", {}).get("status") == "True":
        return State.BUSY
    return _state(found["Ready"])


def _verdict(document: Document) -> str:
    ready = _found(document).get("Ready")
    if ready is None:
        return "not looked at yet"
    late = " (the operator has not seen the last change yet)" if _outdated(document) else ""
    return f"{'ready' if ready['status'] == 'True' else ready['reason']}{late}"


def _outdated(document: Document) -> bool:
    seen = (document.get("status") or {}).get("observedGeneration", -1)
    return bool(seen < document["metadata"].get("generation", 0))
