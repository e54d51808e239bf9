"""What an answer of the token endpoint means for the record: the second half of the protocol. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from llmgateway.credentials import timestamps
from llmgateway.credentials.oauth_exchange import Answer, Granted, Refused
from llmgateway.credentials.refresh_record import Reason, Record, fingerprint, remember
from llmgateway.credentials.refresh_steps import Rules, Spend, Verdict, View, in_grace
from llmgateway.credentials.token_formats import Tokens

REAUTHORIZE: Final = "log in again and put the new login into the source Secret"


def judge(answer: Answer, spend: Spend, view: View, rules: Rules, sent: float, now: float) -> Verdict:
    """What an answer means. `sent`: when the request went out; both times by the store's clock."""
    if isinstance(answer, Granted):
        return _granted(answer, spend, view, rules, sent, now)
    record = msgspec.structs.replace(spend.record, failures=spend.record.failures + 1)
    if isinstance(answer, Refused):
        if answer.dead and spend.token is not None:
            return Verdict(lost(record, spend, view, f"the server refused the refresh token ({answer.why})"))
        if spend.resumed:
            return Verdict(told(record, "RefreshAmbiguous", f"the outcome is still unknown ({answer.why})"))
        return Verdict(_failed(record, answer.why))
    if spend.token is None or _is_reusable(spend):
        return Verdict(_failed(record, answer.why))
    if in_grace(record, rules, now):
        return Verdict(told(record, "RefreshAmbiguous", f"the answer did not arrive ({answer.why}): once more"))
    return Verdict(lost(record, spend, view, unknown_end(record, answer.why)))


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


def _is_reusable(spend: Spend) -> bool:
    return spend.token is not None and fingerprint(spend.token.value) == spend.record.reusable


def lost(record: Record, spend: Spend, view: View, why: str) -> Record:
    """The token of the intent is of no use any more. An older login that still lives goes on."""
    token = record.intent.token if record.intent else ""
    if spend.origin == "kept":
        closed = msgspec.structs.replace(record, intent=None, dead=token)
        return told(closed, "ReauthRequired", f"{why}; {REAUTHORIZE}")
    closed = msgspec.structs.replace(record, intent=None, taken=remember(record.taken, token))
    kept = fingerprint(view.target.tokens.refresh)
    if kept and kept != record.dead:
        return told(closed, "SourceRejected", f"the new login in the source Secret is not used: {why}")
    return told(closed, "ReauthRequired", f"{why}; {REAUTHORIZE}")


def unknown_end(record: Record, why: str) -> str:
    """In words: the token was sent, and nobody knows what became of it."""
    begun = record.intent.first_sent if record.intent else ""
    return f"the refresh token was sent at {begun} and the answer is lost ({why}), so it may be spent"


def _failed(record: Record, why: str) -> Record:
    return told(msgspec.structs.replace(record, intent=None), "RefreshFailed", f"the token endpoint: {why}")


def told(record: Record, reason: Reason, message: str) -> Record:
    """The record with another ending."""
    return msgspec.structs.replace(record, reason=reason, message=message)
