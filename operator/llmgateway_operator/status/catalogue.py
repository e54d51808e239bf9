"""Every condition and every reason there is: tools may rely on them, docs/status-conditions.md is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

Truth = Literal["True", "False", "Unknown"]


@dataclass(frozen=True)
class ConditionType:
    """One condition. `only_while_true`: left out unless it holds, as kstatus asks of abnormal conditions."""

    name: str
    meaning: str
    only_while_true: bool = False


@dataclass(frozen=True)
class Reason:
    """One reason of one condition: what status it comes with, what it means, what to do about it."""

    condition: str
    name: str
    status: Truth
    meaning: str
    remedy: str = ""


CONDITIONS: Final = (
    ConditionType("Accepted", "The spec is valid and the API server took everything that follows from it."),
    ConditionType("ResolvedRefs", "Everything that the spec refers to exists."),
    ConditionType("CredentialsReady", "Every LLMCredential in use holds a valid token."),
    ConditionType("StoreReady", "Conversations and sessions have their place."),
    ConditionType("RouteReady", "Clients outside the cluster have a way in, where the spec asks for one."),
    ConditionType("Ready", "The gateway serves. Says why not, with the object and the field."),
    ConditionType("Reconciling", "The operator or the cluster is still working on it.", only_while_true=True),
    ConditionType("Stalled", "It will not get better before somebody changes something.", only_while_true=True),
    ConditionType("ConfigurationWarning", "It works, but not as it should for long.", only_while_true=True),
)

_EDIT: Final = "Correct the field that the message names."
_TOLD: Final = "The message says what holds a pod up; where it does not, its log does."
_CREATE: Final = "Create it in the gateway's namespace."

_OWN: Final = (
    Reason("Accepted", "Valid", "True", "The spec is valid."),
    Reason("Accepted", "InvalidSpec", "False", "The spec breaks a rule; the last valid one stays in force.", _EDIT),
    Reason("Accepted", "ApplyRejected", "False", "The API server refused an object that the spec leads to.",
           "Read the message: most often `podTemplate`, a quota or an admission policy is at fault."),
    Reason("ResolvedRefs", "Resolved", "True", "Everything that the spec refers to exists."),
    Reason("ResolvedRefs", "SecretNotFound", "False", "A Secret is missing.", _CREATE),
    Reason("ResolvedRefs", "SecretKeyNotFound", "False", "A Secret lacks a key.", "Add the key, or name another."),
    Reason("ResolvedRefs", "CredentialNotFound", "False", "An LLMCredential is missing.", _CREATE),
    Reason("ResolvedRefs", "ServiceNotFound", "False", "A Service is missing.", _CREATE),
    Reason("ResolvedRefs", "InvalidSpec", "Unknown", "Not looked at: the spec is invalid.", _EDIT),
    Reason("CredentialsReady", "NotNeeded", "True", "No LLMCredential is in use."),
    Reason("CredentialsReady", "TokensValid", "True", "Every LLMCredential in use is ready."),
    Reason("CredentialsReady", "CredentialNotReady", "False", "An LLMCredential is not ready.",
           "Look at that LLMCredential's own conditions."),
    Reason("CredentialsReady", "InvalidSpec", "Unknown", "Not looked at: the spec is invalid.", _EDIT),
    Reason("StoreReady", "InMemory", "True", "Conversations live in the pods' memory."),
    Reason("StoreReady", "Local", "True", "Conversations live in a file of the pod."),
    Reason("StoreReady", "External", "True", "Somebody else runs the store; its health is the gateway's /health."),
    Reason("StoreReady", "Available", "True", "The managed store is up."),
    Reason("StoreReady", "StoreStarting", "False", "The managed store is not up yet."),
    Reason("StoreReady", "StoreStuck", "False", "The managed store did not come up in time.",
           _TOLD),
    Reason("StoreReady", "Suspended", "True", "Not looked at while the gateway is suspended."),
    Reason("StoreReady", "InvalidSpec", "Unknown", "Not looked at: the spec is invalid.", _EDIT),
    Reason("RouteReady", "NotExposed", "True", "The spec asks for no way in from outside."),
    Reason("RouteReady", "Routed", "True", "Ingress and HTTPRoute are in place."),
    Reason("RouteReady", "GatewayAPIMissing", "False", "The cluster does not serve HTTPRoute.",
           "Install the Gateway API, or use `expose.ingress`."),
    Reason("RouteReady", "RoutePending", "False", "No Gateway has taken the HTTPRoute yet.",
           "Check the Gateway's name, its listeners and their allowedRoutes."),
    Reason("RouteReady", "RouteRefused", "False", "A Gateway refuses the HTTPRoute.", "The message holds its reason."),
    Reason("RouteReady", "InvalidSpec", "Unknown", "Not looked at: the spec is invalid.", _EDIT),
    Reason("Ready", "Serving", "True", "Pods answer."),
    Reason("Ready", "Suspended", "False", "`spec.suspend` is true: no gateway pods run.", "Set it to false."),
    Reason("Ready", "ScaledToZero", "False", "`spec.scaling.replicas` is 0.", "Raise it."),
    Reason("Ready", "PodsStarting", "False", "No pod answers yet.", "Wait; the message says what holds a pod up."),
    Reason("Ready", "RolloutStuck", "False", "New pods did not come up in time.", _TOLD),
    Reason("Reconciling", "RolloutInProgress", "True", "Pods are being replaced or added."),
    Reason("Reconciling", "StoreStarting", "True", "The managed store is coming up."),
    Reason("Stalled", "InvalidSpec", "True", "The spec breaks a rule.", _EDIT),
    Reason("Stalled", "ApplyRejected", "True", "The API server refused an object.", "See the condition Accepted."),
    Reason("Stalled", "RolloutStuck", "True", "Pods did not come up within the Deployment's progress deadline.",
           _TOLD),
    Reason("ConfigurationWarning", "Paused", "True", "The annotation llmgateway.dev/paused is set: nothing is changed.",
           "Remove the annotation."),
    Reason("ConfigurationWarning", "CRDOutdated", "True", "The installed CRD is older than the operator.",
           "Apply the CRDs of the operator's release."),
    Reason("ConfigurationWarning", "StoreMemoryUnsafe", "True", "maxmemory is too close to the memory limit.",
           "Use `maxmemory: auto`, or raise the limit as the message says."),
    Reason("ConfigurationWarning", "StoreEvictionDisabled", "True", "A full store refuses writes under noeviction.",
           "Choose another `maxmemoryPolicy`."),
    Reason("ConfigurationWarning", "StoreNotShared", "True", "Several pods, and each keeps its own conversations.",
           "Use `store.managed` or `store.external`."),
    Reason("ConfigurationWarning", "StoreNotKept", "True", "A file in a pod is gone with the pod.",
           "Use `store.managed` or `store.external`."),
    Reason("ConfigurationWarning", "VolumeNeverShrinks", "True", "The store's volume is larger than the spec says.",
           "Set `persistence.size` to the present size."),
    Reason("ConfigurationWarning", "VolumeKept", "True", "Persistence is off, but the volume is still there.",
           "Delete the PersistentVolumeClaim when the data is not wanted any more."),
    Reason("ConfigurationWarning", "MonitoringMissing", "True", "The Prometheus Operator's kinds are not served.",
           "Install them, or turn `observability` off."),
)  # fmt: skip

_CAUSES: Final = tuple(
    Reason("Ready", each.name, each.status, each.meaning, each.remedy)
    for each in _OWN
    if each.status == "False" and each.condition != "Ready"
)
"""Ready repeats reason and message of the first condition that is not true: one look says why not."""

REASONS: Final = (*_OWN, *_CAUSES)

_BY_NAME: Final[Mapping[tuple[str, str], Reason]] = {(each.condition, each.name): each for each in REASONS}


def reason_of(condition: str, name: str) -> Reason:
    """Raises KeyError for a reason that is not in the catalogue."""
    return _BY_NAME[condition, name]
