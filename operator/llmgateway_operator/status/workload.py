"""How a Deployment is doing, by its own status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Workload:
    """Pods by number. `settled`: nothing is being replaced or added; `stuck`: the progress deadline has passed."""

    wanted: int = 0
    exist: int = 0
    ready: int = 0
    settled: bool = False
    stuck: bool = False
    complaint: str = ""


def workload_of(deployment: Mapping[str, Any] | None, trouble: str = "") -> Workload:
    """A missing Deployment has no pods and is not settled. `trouble`: of its pods."""
    if deployment is None:
        return Workload()
    status = deployment.get("status", {})
    wanted = deployment["spec"].get("replicas", 1)
    counts = [status.get(each, 0) for each in ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")]
    current = status.get("observedGeneration", 0) >= deployment["metadata"].get("generation", 0)
    conditions = {each["type"]: each for each in status.get("conditions", ())}
    return Workload(
        wanted=wanted,
        exist=counts[0],
        ready=counts[2],
        settled=current and all(count == wanted for count in counts),
        stuck=current and conditions.get("Progressing", {}).get("reason") == "ProgressDeadlineExceeded",
        complaint=conditions.get("ReplicaFailure", {}).get("message", "") or trouble,
    )
