"""Why pods do not come up, from their own status: what an administrator would look for with `kubectl describe`.

Words that stay the same while a pod is restarted again and again: a status that changes with each try tells nothing new
and costs a write. A container's own last words are left out, they may hold anything.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from llmgateway_operator.cluster.errors import Forbidden
from llmgateway_operator.cluster.kinds import POD
from llmgateway_operator.cluster.port import Cluster
from llmgateway_operator.desired.naming import selector_text

log = logging.getLogger(__name__)

Document = Mapping[str, Any]

_OVER: Final = frozenset({"Succeeded", "Failed"})
"""Phases of pods that others have replaced, evicted ones among them."""
_IN_ORDER: Final = frozenset({"ContainerCreating", "PodInitializing", ""})
"""Reasons to wait of a pod that is on its way."""
_PULL: Final = frozenset({"ErrImagePull", "ImagePullBackOff"})
_TOLD: Final = frozenset({"CreateContainerConfigError", "InvalidImageName"})
"""Reasons whose message names the object that is missing, or the field that is wrong, and nothing else."""


def lacks_pods(deployment: Document | None) -> bool:
    """There are pods of it that are not ready."""
    status = (deployment or {}).get("status", {})
    return int(status.get("replicas", 0)) > int(status.get("readyReplicas", 0))


async def trouble_behind(cluster: Cluster, namespace: str, deployment: Document | None) -> str:
    """What keeps a Deployment's pods from coming up; pods are looked at only where some are not ready. An operator that
    may not read them says less, and works. Raises ClusterError."""
    if deployment is None or not lacks_pods(deployment):
        return ""
    selector = selector_text(deployment["spec"]["selector"]["matchLabels"])
    try:
        return trouble_of(await cluster.some(POD, namespace, selector))
    except Forbidden as refused:
        log.warning("%s", refused)
        return ""


def trouble_of(pods: Iterable[Document]) -> str:
    """The first trouble of the newest pod that has one, with the pod's name; empty where all is in order."""
    living = [pod for pod in pods if pod.get("status", {}).get("phase") not in _OVER]
    newest = sorted(living, key=lambda pod: str(pod["metadata"].get("creationTimestamp", "")), reverse=True)
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
