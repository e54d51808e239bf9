"""The result of one check."""

from __future__ import annotations

from dataclasses import dataclass

from llmgateway_api import ApiError, LLMGateway
from llmgateway_operator.observe.observed import Observed
from llmgateway_operator.status.catalogue import Truth, reason_of

LONGEST_MESSAGE = 2000  # characters


@dataclass(frozen=True)
class Finding:
    """One condition as it should be."""

    condition: str
    reason: str
    message: str

    @property
    def status(self) -> Truth:
        return reason_of(self.condition, self.reason).status

    @property
    def good(self) -> bool:
        return self.status == "True"


@dataclass(frozen=True)
class Situation:
    """What all checks read. `gateway` is None when the spec is invalid; `refused` are sentences of the API server."""

    observed: Observed
    gateway: LLMGateway | None
    errors: tuple[ApiError, ...] = ()
    refused: tuple[str, ...] = ()


def finding(condition: str, reason: str, message: str = "") -> Finding:
    """With the catalogue's own sentence where there is nothing more precise. Raises KeyError for unknown reasons."""
    meaning = reason_of(condition, reason).meaning
    text = message or meaning
    return Finding(condition, reason, text if len(text) <= LONGEST_MESSAGE else text[: LONGEST_MESSAGE - 3] + "...")
