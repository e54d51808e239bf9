"""Kubernetes Events, only when a condition changes: what `kubectl describe` shows."""

from __future__ import annotations

import datetime
import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from llmgateway_operator.cluster.errors import ClusterError, Conflict
from llmgateway_operator.cluster.kinds import EVENT
from llmgateway_operator.cluster.port import Cluster, Document

CONTROLLER: Final = "llmgateway.dev/operator"
ANNOUNCED: Final = ("Ready", "Stalled", "ConfigurationWarning")
LONGEST_NOTE: Final = 1024  # characters, by the API

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Announcer:
    """Posts Events; a lost one is no failure of a reconciliation."""

    cluster: Cluster
    identity: str

    async def announce(self, document: Document, status: Mapping[str, Any]) -> None:
        """One Event for each announced condition whose status or reason differs from the document's."""
        for condition in _changed(document.get("status", {}).get("conditions", ()), status["conditions"]):
            try:
                await self.cluster.create(self._event(document, condition))
            except Conflict:
                pass  # the same change was announced before the operator was restarted
            except ClusterError as failure:
                log.warning("event: %s", failure)

    def _event(self, document: Document, condition: Mapping[str, Any]) -> Document:
        metadata = document["metadata"]
        moment = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        words = f"{metadata['uid']} {condition['type']} {condition['reason']} {moment}"
        return {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {
                "name": f"{metadata['name'][:200]}.{hashlib.sha256(words.encode()).hexdigest()[:16]}",
                "namespace": metadata["namespace"],
            },
            "regarding": {
                "apiVersion": document["apiVersion"],
                "kind": document["kind"],
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "type": "Normal" if condition["type"] == "Ready" else "Warning",
            "reason": condition["reason"],
            "action": condition["type"],
            "note": condition["message"][:LONGEST_NOTE],
            "eventTime": moment,
            "reportingController": CONTROLLER,
            "reportingInstance": self.identity[:128],
        }


def _changed(before: Any, after: Any) -> Iterator[Mapping[str, Any]]:
    known = {each["type"]: (each["status"], each["reason"]) for each in before}
    for condition in after:
        if condition["type"] in ANNOUNCED and known.get(condition["type"]) != (
            condition["status"],
            condition["reason"],
        ):
            yield condition
