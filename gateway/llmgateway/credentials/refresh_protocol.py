"""The decisions of one run: what is kept and what was left undone -> the next step. Pure.

The one rule: a single-use refresh token is sent only if it was never sent before. Before it is sent, an intent with its
fingerprint is written; whoever finds an intent and not its outcome may send that token again only while the server is
known to grant a grace to a token that was just exchanged (`Rules.grace`), or to leave it valid (`Record.reusable`).
Otherwise the token counts as lost, and the record says so (ReauthRequired). Nothing is ever deleted.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from llmgateway.credentials import timestamps
from llmgateway.credentials.oauth_exchange import Secret
from llmgateway.credentials.refresh_record import Intent, Record, fingerprint, remember
from llmgateway.credentials.refresh_steps import Adopt, Decision, Leave, Promote, Rules, Spend, View, in_grace
from llmgateway.credentials.refresh_verdicts import REAUTHORIZE, lost, told, unknown_end
from llmgateway.credentials.token_formats import Tokens


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
    return _settled(view, lost(record, spend, view, unknown_end(record, "the run that sent it ended")), rules, now)


def _settled(view: View, record: Record, rules: Rules, now: float) -> Decision:
    """No exchange is open."""
    tokens = view.target.tokens
    if login := _new_login(view, record):
        if _is_fresh(login, Record(), rules, now) and not _asked(record, rules):
            return Adopt(_adopted(record, login, view, now), login)
        return _spend(record, login.refresh, "source", rules, now)
    if not tokens.refresh:
        if record.reason != "ReauthRequired" and view.source is None:
            return Leave(told(record, *view.source_fault))
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


def _is_fresh(tokens: Tokens, record: Record, rules: Rules, now: float) -> bool:
    """Lives longer than `before`, and less than half of its life is over. An unknown end is not fresh."""
    if not tokens.access or tokens.expires_at is None or tokens.expires_at - now <= rules.before:
        return False
    obtained = timestamps.from_text(record.obtained_at)
    return obtained is None or now < obtained + (tokens.expires_at - obtained) / 2


def _asked(record: Record, rules: Rules) -> bool:
    return rules.request not in ("", record.request)


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


def _unusable(record: Record) -> Record:
    if record.reason == "ReauthRequired":
        return record
    return told(record, "ReauthRequired", f"there is no refresh token that was not used yet; {REAUTHORIZE}")


def _fresh(record: Record) -> Record:
    return told(record, "Fresh", "")
