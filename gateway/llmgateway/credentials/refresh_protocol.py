"""The decisions of one run: what is kept and what was left undone -> the next step; an answer -> what to write. Pure.

The one rule: a single-use refresh token is sent only if it was never sent before. Before it is sent, an intent with its
fingerprint is written; whoever finds an intent and not its outcome may send that token again only while the server is
known to grant a grace to a token that was just exchanged (`Rules.grace`), or to leave it valid (`Record.reusable`).
Otherwise the token counts as lost, and the record says so (ReauthRequired). Nothing is ever deleted.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec
from msgspec import Struct

from llmgateway.credentials import timestamps
from llmgateway.credentials.oauth_exchange import Answer, Granted, Refused, Secret
from llmgateway.credentials.refresh_record import Intent, Reason, Record, fingerprint, first_sent, remember
from llmgateway.credentials.token_formats import Tokens

REAUTHORIZE: Final = "log in again and put the new login into the source Secret"


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


def decide(view: View, rules: Rules, now: float) -> Decision:
    """The next step. `now` is the store's clock, in seconds since 1970."""
    if promotion := _promotion(view, rules):
        return promotion
    record = view.target.record or Record()
    if not rules.single_use:
        return _repeatable(view, record, rules, now)
    if record.intent is not None:
        return _after_unknown_end(view, record, record.intent, rules, now)
    return _settled(view, record, rules, now)


def judge(answer: Answer, spend: Spend, view: View, rules: Rules, sent: float, now: float) -> Verdict:
    """What an answer means. `sent`: when the request went out; both times by the store's clock."""
    if isinstance(answer, Granted):
        return _granted(answer, spend, view, rules, sent, now)
    record = msgspec.structs.replace(spend.record, failures=spend.record.failures + 1)
    if isinstance(answer, Refused):
        if answer.dead and spend.token is not None:
            return Verdict(_lost(record, spend, view, f"the server refused the refresh token ({answer.why})"))
        if spend.resumed:
            return Verdict(_told(record, "RefreshAmbiguous", f"the outcome is still unknown ({answer.why})"))
        return Verdict(_failed(record, answer.why))
    if spend.token is None or _is_reusable(spend):
        return Verdict(_failed(record, answer.why))
    if in_grace(record, rules, now):
        return Verdict(_told(record, "RefreshAmbiguous", f"the answer did not arrive ({answer.why}): once more"))
    return Verdict(_lost(record, spend, view, _unknown_end(record, answer.why)))


def in_grace(record: Record, rules: Rules, now: float) -> bool:
    """Whether the token of the open intent may be sent once more."""
    margin = min(rules.margin, rules.grace / 2)
    return rules.grace > 0 and now < first_sent(record) + rules.grace - margin


def _promotion(view: View, rules: Rules) -> Promote | None:
    target, recovery = view.target, view.recovery
    if target.record is None:
        return Promote(recovery.record or Record(), recovery.tokens if recovery.record else target.tokens)
    if recovery.record is None:
        return None
    if recovery.record.revision > target.record.revision:
        return Promote(recovery.record, recovery.tokens)
    emptied = rules.single_use and not target.tokens.refresh and bool(recovery.tokens.refresh)
    return Promote(target.record, recovery.tokens) if emptied else None


def _repeatable(view: View, record: Record, rules: Rules, now: float) -> Decision:
    if _is_fresh(view.target.tokens, record, rules, now) and not _asked(record, rules):
        return Leave(_fresh(record))
    return Spend(record=record, base=record)


def _after_unknown_end(view: View, record: Record, left: Intent, rules: Rules, now: float) -> Decision:
    token, kept = left.token, fingerprint(view.target.tokens.refresh)
    origin: Literal["kept", "source"] = "kept" if token == kept else "source"
    value = _value_of(token, view)
    may_repeat = token == record.reusable or in_grace(record, rules, now)
    if value and may_repeat and not _new_login(view, record, except_for=token):
        intent = msgspec.structs.replace(left, run=rules.run)
        again = msgspec.structs.replace(record, intent=intent)
        return Spend(record=again, base=record, token=Secret(value), origin=origin, resumed=token != record.reusable)
    spend = Spend(record=record, base=record, token=Secret(value), origin=origin)
    return _settled(view, _lost(record, spend, view, _unknown_end(record, "the run that sent it ended")), rules, now)


def _settled(view: View, record: Record, rules: Rules, now: float) -> Decision:
    """No exchange is open."""
    tokens = view.target.tokens
    if login := _new_login(view, record):
        if _is_fresh(login, Record(), rules, now) and not _asked(record, rules):
            return Adopt(_adopted(record, login, view, now), login)
        return _spend(record, login.refresh, "source", rules, now)
    if not tokens.refresh:
        if record.reason != "ReauthRequired" and view.source is None:
            return Leave(_told(record, *view.source_fault))
        return Leave(_unusable(record))
    if fingerprint(tokens.refresh) == record.dead:
        return Leave(_unusable(record))
    if _is_fresh(tokens, record, rules, now) and not _asked(record, rules):
        return Leave(record if record.reason == "SourceRejected" else _fresh(record))
    return _spend(record, tokens.refresh, "kept", rules, now)


def _new_login(view: View, record: Record, except_for: str = "") -> Tokens | None:
    """The login in the source, if it was never taken."""
    token = fingerprint(view.source.refresh) if view.source else ""
    known = ("", except_for, record.dead, *record.taken)
    return None if token in known else view.source


def _spend(record: Record, token: str, origin: Literal["kept", "source"], rules: Rules, now: float) -> Spend:
    intent = Intent(token=fingerprint(token), run=rules.run, first_sent=timestamps.to_text(now))
    planned = msgspec.structs.replace(record, intent=intent)
    return Spend(record=planned, base=record, token=Secret(token), origin=origin)


def _value_of(token: str, view: View) -> str:
    candidates = (view.target.tokens.refresh, view.source.refresh if view.source else "")
    return next((value for value in candidates if value and fingerprint(value) == token), "")


def _is_reusable(spend: Spend) -> bool:
    return spend.token is not None and fingerprint(spend.token.value) == spend.record.reusable


def _is_fresh(tokens: Tokens, record: Record, rules: Rules, now: float) -> bool:
    """Lives longer than `before`, and less than half of its life is over. An unknown end is not fresh."""
    if not tokens.access or tokens.expires_at is None or tokens.expires_at - now <= rules.before:
        return False
    obtained = timestamps.from_text(record.obtained_at)
    return obtained is None or now < obtained + (tokens.expires_at - obtained) / 2


def _asked(record: Record, rules: Rules) -> bool:
    return rules.request not in ("", record.request)


def _granted(answer: Granted, spend: Spend, view: View, rules: Rules, sent: float, now: float) -> Verdict:
    old = spend.token.value if spend.token else ""
    refresh = answer.refresh_token or old
    expires = None if answer.expires_in is None else sent + answer.expires_in
    from_source = spend.origin == "source"
    record = msgspec.structs.replace(
        spend.record,
        revision=spend.record.revision + 1,
        reason="Fresh",
        message="",
        obtained_at=timestamps.to_text(sent),
        expires_at="" if expires is None else timestamps.to_text(expires),
        last_refresh_time=timestamps.to_text(now),
        failures=0,
        request=rules.request or spend.record.request,
        source_hash=view.source_hash if from_source else spend.record.source_hash,
        taken=remember(spend.record.taken, fingerprint(old)) if from_source else spend.record.taken,
        reusable=fingerprint(old) if refresh == old else "",
        dead="",
        intent=None,
    )
    holder = view.source if from_source else view.target.tokens
    return Verdict(record, Tokens(answer.access_token, refresh, expires, _claude(holder, answer)))


def _claude(holder: Tokens | None, answer: Granted) -> dict[str, object] | None:
    if holder is None or holder.claude is None:
        return None
    return {**holder.claude, "scopes": list(answer.scopes)} if answer.scopes else dict(holder.claude)


def _adopted(record: Record, login: Tokens, view: View, now: float) -> Record:
    return msgspec.structs.replace(
        record,
        revision=record.revision + 1,
        reason="Fresh",
        message="",
        obtained_at="",
        expires_at=timestamps.to_text(login.expires_at or 0),
        last_refresh_time=timestamps.to_text(now),
        failures=0,
        source_hash=view.source_hash,
        taken=remember(record.taken, fingerprint(login.refresh)),
        reusable="",
        dead="",
    )


def _lost(record: Record, spend: Spend, view: View, why: str) -> Record:
    """The token of the intent is of no use any more. An older login that still lives goes on."""
    token = record.intent.token if record.intent else ""
    if spend.origin == "kept":
        closed = msgspec.structs.replace(record, intent=None, dead=token)
        return _told(closed, "ReauthRequired", f"{why}; {REAUTHORIZE}")
    closed = msgspec.structs.replace(record, intent=None, taken=remember(record.taken, token))
    kept = fingerprint(view.target.tokens.refresh)
    if kept and kept != record.dead:
        return _told(closed, "SourceRejected", f"the new login in the source Secret is not used: {why}")
    return _told(closed, "ReauthRequired", f"{why}; {REAUTHORIZE}")


def _unknown_end(record: Record, why: str) -> str:
    begun = record.intent.first_sent if record.intent else ""
    return f"the refresh token was sent at {begun} and the answer is lost ({why}), so it may be spent"


def _failed(record: Record, why: str) -> Record:
    return _told(msgspec.structs.replace(record, intent=None), "RefreshFailed", f"the token endpoint: {why}")


def _unusable(record: Record) -> Record:
    if record.reason == "ReauthRequired":
        return record
    return _told(record, "ReauthRequired", f"there is no refresh token that was not used yet; {REAUTHORIZE}")


def _fresh(record: Record) -> Record:
    return _told(record, "Fresh", "")


def _told(record: Record, reason: Reason, message: str) -> Record:
    return msgspec.structs.replace(record, reason=reason, message=message)
