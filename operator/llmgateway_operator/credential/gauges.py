"""What Prometheus is told of each LLMCredential, from its status."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from llmgateway_operator.health import Labels
from llmgateway_operator.keys import Key


class CredentialGauges:
    """The last status of each, as numbers; credentials of other kinds than tokens with an end have no expiry."""

    def __init__(self) -> None:
        self._expiry: dict[Labels, float] = {}
        self._ready: dict[Labels, float] = {}

    def note(self, key: Key, status: Mapping[str, Any]) -> None:
        """A credential's status, whether it was written or not."""
        labels = _labels(key)
        conditions = {each["type"]: each["status"] for each in status.get("conditions", ())}
        self._ready[labels] = float(conditions.get("Ready") == "True")
        if ends := status.get("expiresAt"):
            self._expiry[labels] = datetime.fromisoformat(ends).timestamp()
        else:
            self._expiry.pop(labels, None)

    def forget(self, key: Key) -> None:
        """It is gone."""
        for series in (self._expiry, self._ready):
            series.pop(_labels(key), None)

    def expiry(self) -> Mapping[Labels, float]:
        """Seconds since the epoch at which each token ends."""
        return self._expiry

    def ready(self) -> Mapping[Labels, float]:
        """1 for each that is ready, else 0."""
        return self._ready


def _labels(key: Key) -> Labels:
    return (("namespace", key.namespace), ("name", key.name))
