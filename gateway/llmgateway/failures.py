"""What can go wrong with a turn, in one vocabulary; each dialect says it in its own words (`dialects/*/errors.py`).

FailureKind            HTTP  what happened
invalid_request        400   the request makes no sense, or the upstream can't express it (strict mode)
context_overflow       400   the prompt is longer than the model's window
authentication         401   no key, or a wrong one
billing                402   the account behind the key can't pay
permission             403   the key may not do this
not_found              404   no such model, response, conversation
conflict               409
too_large              413   the body is longer than allowed
unprocessable          422
rate_limited           429
internal               500   the gateway's or the upstream's own fault
bad_gateway            502   the upstream answered something that is no answer
unavailable            503
timeout                504
overloaded             529   Anthropic's word for "no capacity"; other dialects say 503
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

FailureKind = Literal[
    "invalid_request", "context_overflow", "authentication", "billing", "permission", "not_found", "conflict",
    "too_large", "unprocessable", "rate_limited", "internal", "bad_gateway", "unavailable", "timeout", "overloaded",
]  # fmt: skip

STATUS: dict[FailureKind, int] = {
    "invalid_request": 400, "context_overflow": 400, "authentication": 401, "billing": 402, "permission": 403,
    "not_found": 404, "conflict": 409, "too_large": 413, "unprocessable": 422, "rate_limited": 429,
    "internal": 500, "bad_gateway": 502, "unavailable": 503, "timeout": 504, "overloaded": 529,
}  # fmt: skip


class Failure(Struct, frozen=True, kw_only=True):
    """One failure, free of any dialect. `message` is written for the caller and holds no secret."""

    kind: FailureKind
    message: str
    code: str | None = None
    """A machine-readable code in OpenAI's vocabulary (`model_not_found`), where one is known."""
    param: str | None = None
    """The path of the request field at fault, in the caller's own dialect."""
    retry_after: int | None = None
    """Seconds after which a retry makes sense."""
    should_retry: bool | None = None
    """False where a retry can't help although the status suggests one (`x-should-retry`)."""
    input_tokens: int | None = None
    """context_overflow: the size of the prompt, where it is known."""
    window: int | None = None
    """context_overflow: the model's window, where it is known."""
    from_upstream: bool = False
    """True when the upstream said it, False when the gateway did."""

    @property
    def status(self) -> int:
        """The HTTP status of the failure before a dialect adapts it."""
        return STATUS[self.kind]


class TurnRefused(Exception):
    """Raised where a turn can't go on, before anything was sent to the client; carries the Failure."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def kind_of_status(status: int) -> FailureKind:
    """The failure kind that an upstream's HTTP status stands for; unknown 4xx are the request's fault."""
    for kind, known in STATUS.items():
        if known == status and kind != "context_overflow":
            return kind
    return "invalid_request" if 400 <= status < 500 else "internal"
