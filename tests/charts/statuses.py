"""Statuses as the operator writes them, each with the health that GitOps tools must see in it."""

from __future__ import annotations

from typing import Any, NamedTuple

Document = dict[str, Any]


class Case(NamedTuple):
    """A resource and how it must be judged. Flux has no word for suspended: that is `Current` there."""

    name: str
    document: Document
    argo: str
    flux: str


def resource(*conditions: tuple[str, str, str], kind: str = "LLMGateway", observed: int = 3) -> Document:
    """Conditions as (type, status, reason)."""
    rows = [
        {"type": name, "status": status, "reason": reason, "message": f"{reason} it is", "observedGeneration": observed}
        for name, status, reason in conditions
    ]
    status = {"observedGeneration": observed, "conditions": rows}
    return {"kind": kind, "metadata": {"name": "demo", "generation": 3}, "status": status}


FRESH: Document = {"kind": "LLMGateway", "metadata": {"name": "demo", "generation": 1}, "spec": {}}
CASES = [
    Case("fresh", FRESH, "Progressing", "InProgress"),
    Case("status without conditions", {**FRESH, "status": {"observedGeneration": 1}}, "Progressing", "InProgress"),
    Case("serving", resource(("Ready", "True", "Serving")), "Healthy", "Current"),
    Case("edited since", resource(("Ready", "True", "Serving"), observed=2), "Progressing", "InProgress"),
    Case("pods starting", resource(("Ready", "False", "PodsStarting")), "Progressing", "InProgress"),
    Case(
        "rolling out",
        resource(("Ready", "True", "Serving"), ("Reconciling", "True", "RolloutInProgress")),
        "Progressing",
        "InProgress",
    ),
    Case("a Secret is missing", resource(("Ready", "False", "SecretNotFound")), "Progressing", "InProgress"),
    Case(
        "invalid",
        resource(
            ("Accepted", "False", "InvalidSpec"), ("Ready", "False", "InvalidSpec"), ("Stalled", "True", "InvalidSpec")
        ),
        "Degraded",
        "Failed",
    ),
    Case(
        "serving with the old spec",
        resource(("Ready", "True", "Serving"), ("Stalled", "True", "RolloutStuck")),
        "Degraded",
        "Failed",
    ),
    Case(
        "abnormal conditions that are false",
        resource(("Ready", "True", "Serving"), ("Stalled", "False", "Fine"), ("Reconciling", "False", "Fine")),
        "Healthy",
        "Current",
    ),
    Case("suspended", resource(("Ready", "False", "Suspended")), "Suspended", "Current"),
    Case("scaled to zero", resource(("Ready", "False", "ScaledToZero")), "Suspended", "Current"),
    Case(
        "with a warning",
        resource(("Ready", "True", "Serving"), ("ConfigurationWarning", "True", "Paused")),
        "Healthy",
        "Current",
    ),
    Case("fresh tokens", resource(("Ready", "True", "Fresh"), kind="LLMCredential"), "Healthy", "Current"),
    Case(
        "needs a new login",
        resource(("Ready", "False", "ReauthRequired"), ("Stalled", "True", "ReauthRequired"), kind="LLMCredential"),
        "Degraded",
        "Failed",
    ),
    Case(
        "first run",
        resource(("Ready", "False", "Pending"), ("Reconciling", "True", "RefreshRunning"), kind="LLMCredential"),
        "Progressing",
        "InProgress",
    ),
]
