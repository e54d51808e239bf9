"""The shapes of one run: what is read, what may be done next, what is written after an exchange."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from llmgateway.credentials.oauth_exchange import Secret
from llmgateway.credentials.refresh_record import Reason, Record, first_sent
from llmgateway.credentials.token_formats import Tokens


class Rules(Struct, frozen=True, kw_only=True):
    """What does not change during a run."""

    run: str
    """`<Job>/<Pod uid>`."""
    single_use: bool = True
    """Whether the grant is a refresh token; all other grants can be repeated at will."""
    before: float = 1800.0
    """Seconds of life that a token needs to be left alone."""
    grace: float = 0.0
    """Seconds for which the server takes an exchanged refresh token again; 0: unknown or none."""
    margin: float = 10.0
    """Seconds before the end of the grace after which it is not relied upon: the way to the server takes time."""
    request: str = ""
    """A rotation that was asked for: it is done even if the token is fresh, once."""


class Copy(Struct, frozen=True):
    """Target or recovery Secret: its record (None: never written) and the login beside it."""

    record: Record | None
    tokens: Tokens


class View(Struct, frozen=True, kw_only=True):
    """All that was read under the lock."""

    target: Copy
    recovery: Copy
    source: Tokens | None = None
    """The login in the bootstrap Secret; None: no such Secret, or none in it."""
    source_hash: str = ""
    source_fault: tuple[Reason, str] = ("SourceMissing", "there is no source Secret")
    """Why `source` is None."""


class Promote(Struct, frozen=True):
    """The target is behind (or new): write this to it, then decide again."""

    record: Record
    tokens: Tokens


class Leave(Struct, frozen=True):
    """Nothing to exchange. The record is as it should be now."""

    record: Record


class Adopt(Struct, frozen=True):
    """The source holds a new login whose access token is fresh: take it over as it is."""

    record: Record
    tokens: Tokens


class Spend(Struct, frozen=True, kw_only=True):
    """Exchange. For single-use tokens `record` carries the intent and is written to both Secrets first."""

    record: Record
    base: Record
    """What stays if nothing is sent."""
    token: Secret | None = None
    origin: Literal["kept", "source"] = "kept"
    resumed: bool = False
    """The token may have been sent before."""


Decision = Promote | Leave | Adopt | Spend


class Verdict(Struct, frozen=True):
    """What to write after an exchange. `tokens` None: the kept ones stay."""

    record: Record
    tokens: Tokens | None = None


def in_grace(record: Record, rules: Rules, now: float) -> bool:
    """Whether the token of the open intent may be sent once more."""
    margin = min(rules.margin, rules.grace / 2)
    return rules.grace > 0 and now < first_sent(record) + rules.grace - margin
