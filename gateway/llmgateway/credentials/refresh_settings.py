"""What one run needs, and how it tells that it ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from llmgateway.credentials.oauth_exchange import Grant, TokenRequest
from llmgateway.credentials.refresh_record import Reason
from llmgateway.credentials.refresh_steps import Rules
from llmgateway.credentials.token_endpoint import NotSent
from llmgateway.credentials.token_formats import SourceShape


def _no_grant() -> Grant:
    raise NotSent("no grant is configured")


class Settings(Struct, frozen=True, kw_only=True):
    """Everything one credential needs."""

    rules: Rules
    target: str
    recovery: str
    build: Callable[[Grant], TokenRequest]
    """The request of a grant, for its endpoint."""
    source: str = ""
    shape: SourceShape = SourceShape()
    repeatable_grant: Callable[[], Grant] = _no_grant
    """For grants other than a refresh token: made anew for each request. May raise NotSent."""


class Report(Struct, frozen=True, kw_only=True):
    """How a run ended, in words that hold no secret."""

    reason: Reason | Literal["Busy", "Stopped", "StoreFailed"]
    message: str = ""
    expires_at: str = ""
    revision: int = 0

    @property
    def well(self) -> bool:
        """Whether there is a usable token and nothing is left to do."""
        return self.reason == "Fresh"
