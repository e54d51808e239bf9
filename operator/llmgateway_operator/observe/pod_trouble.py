"""Why pods do not come up, from their own status: what an administrator would look for with `kubectl describe`.

Words that stay the same while a pod is restarted again and again: a status that changes with each try tells nothing new
and costs a write. A container's own last words are left out, they may hold anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

Document = Mapping[str, Any]

_IN_ORDER: Final = frozenset({"ContainerCreating", "PodInitializing", ""})
"""Reasons to wait of a pod that is on its way."""
_PULL: Final = frozenset({"ErrImagePull", "ImagePullBackOff"})
_TOLD: Final = frozenset({"CreateContainerConfigError", "InvalidImageName"})
"""Reasons whose message names the object that is missing, or the field that is wrong, and nothing else."""


def lacks_pods(deployment: Document | None) -> bool:
    """There are pods of it that are not ready."""
    status = (deployment or {}).get("status", {})
    return int(status.get("replicas", 0)) > int(status.get("readyReplicas", 0))


def trouble_of(pods: Iterable[Document]) -> str:
    """The first trouble of the newest pod that has one, with the pod's name; empty where all is in order."""
    newest = sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True)
    for pod in newest:
        for trouble in _troubles(pod.get("status", {})):
            return f"pod {pod['metadata']['name']}: {trouble}"
    return ""


def _troubles(status: Document) -> Iterator[str]:
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield f"{condition.get('reason', 'Unscheduled')}: {condition.get('message', '')}".removesuffix(": ")
    containers: Sequence[Document] = (
        *(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ()),
    )  # fmt: skip
    for container in containers:
        if what := _what_holds(container):
            yield f"container {container['name']}: {what}"


def _what_holds(container: Document) -> str:
    state = container.get("state") or {}
    waiting = state.get("waiting") or {}
    reason = waiting.get("reason", "")
    if reason in _PULL:
        return f"ImagePullBackOff: {container.get('image', '')}".removesuffix(": ")
    ended = state.get("terminated") or (container.get("lastState") or {}).get("terminated") or {}
    if ended.get("exitCode") and not container.get("ready"):
        return f"ended with exit code {ended['exitCode']} ({ended.get('reason', 'Error')})"
    if reason in _IN_ORDER:
        return ""
    return f"{reason}: {waiting.get('message', '')}".removesuffix(": ") if reason in _TOLD else reason
