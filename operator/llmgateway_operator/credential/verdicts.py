"""The status of one LLMCredential: conditions, times, counters. Nothing in it changes with the clock alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple

from llmgateway_operator.credential.cron import next_time, spread
from llmgateway_operator.credential.facts import Facts
from llmgateway_operator.credential.reasons import BY_NAME
from llmgateway_operator.credential.refresh_children import is_refreshed
from llmgateway_operator.credential.refresh_record import RefreshRecord

Document = dict[str, Any]
LONGEST_MESSAGE = 2000  # characters


class Finding(NamedTuple):
    """One condition as it should be."""

    condition: str
    status: Literal["True", "False"]
    reason: str
    message: str


class Verdict(NamedTuple):
    """How the credential stands, in one reason."""

    reason: str
    message: str = ""

    @property
    def text(self) -> str:
        return (self.message or BY_NAME[self.reason].meaning)[:LONGEST_MESSAGE]


def verdict(facts: Facts, refused: Sequence[str] = ()) -> Verdict:
    """The first thing that is wrong, or what is right."""
    spec, record = facts.credential.spec, facts.record or RefreshRecord()
    if facts.claim:
        return Verdict(*facts.claim)
    if refused:
        return Verdict("ApplyRejected", "; ".join(refused))
    if facts.missing:
        return Verdict("SecretMissing", "; ".join(facts.missing))
    if spec.type == "Static":
        return _copied(facts, "Static")
    if spec.suspend and facts.has_access_token:
        return Verdict("Suspended")
    if not is_refreshed(facts.credential):
        return Verdict("RefreshDisabled") if record.taken else _copied(facts, "RefreshDisabled")
    if record.intent and not facts.running:
        message = f"a refresh token was sent at {record.intent.first_sent} and its answer is unknown"
        return Verdict("RefreshAmbiguous", message)
    if record.reason in BY_NAME:
        return Verdict(record.reason, record.message)
    if facts.source and facts.source.fault:
        return Verdict(_fault(facts), facts.source.fault)
    return Verdict("Pending")


def _copied(facts: Facts, good: str) -> Verdict:
    if facts.source and facts.source.fault:
        return Verdict(_fault(facts), facts.source.fault)
    return Verdict(good) if facts.has_access_token else Verdict("NoToken")


def _fault(facts: Facts) -> str:
    return "SourceUnreadable" if facts.source and facts.source.hash else "SourceMissing"


def status(facts: Facts, judged: Verdict, before: Mapping[str, Any], generation: int, now: datetime) -> Document:
    """The whole status. `now` only decides whether a token that was not renewed still lives."""
    record = facts.record or RefreshRecord()
    if BY_NAME[judged.reason].good and not token_lives(facts, now):
        judged = Verdict("TokenEnded")
    known = {each["type"]: each for each in before.get("conditions", ())}
    conditions = [
        _condition(each, known.get(each.condition), generation, now) for each in _findings(facts, judged, now)
    ]
    fields = {
        "expiresAt": record.expires_at,
        "lastRefreshTime": record.last_refresh_time,
        "nextRefreshTime": _text(next_refresh(facts)),
        "consecutiveFailures": max(record.failures, 0),
        "revision": max(record.revision, 0),
        "sourceHash": record.source_hash,
    }
    kept = {name: value for name, value in fields.items() if value != ""}
    return {"observedGeneration": generation, "conditions": conditions, **kept}


def invalid_status(sentences: Sequence[str], before: Mapping[str, Any], generation: int, now: datetime) -> Document:
    """The status of a spec that breaks a rule; what was known of the tokens stays."""
    text = "; ".join(sentences)[:LONGEST_MESSAGE]
    found = [Finding(name, "False", "InvalidSpec", text) for name in ("Accepted", "Ready")]
    found.append(Finding("Stalled", "True", "InvalidSpec", text))
    known = {each["type"]: each for each in before.get("conditions", ())}
    conditions = [_condition(each, known.get(each.condition), generation, now) for each in found]
    return {**before, "observedGeneration": generation, "conditions": conditions}


def next_refresh(facts: Facts) -> datetime | None:
    """The first scheduled time at which the program will renew: half of the life is over, or `before` is reached."""
    refresh, record = facts.credential.spec.refresh, facts.record
    if not refresh.enabled or facts.credential.spec.suspend or record is None or not record.last_refresh_time:
        return None
    due = _moment(record.last_refresh_time)
    ends, obtained = _moment(record.expires_at), _moment(record.obtained_at)
    if due is None:
        return None
    if ends is not None:
        halves = [obtained + (ends - obtained) / 2] if obtained else []
        seconds = float(refresh.before)
        due = max(due, min([datetime.fromtimestamp(ends.timestamp() - seconds, ends.tzinfo), *halves]))
    return next_time(spread(refresh.schedule, facts.owner.uid), due)


def token_lives(facts: Facts, now: datetime) -> bool:
    """An access token whose end is unknown counts as alive."""
    ends = _moment(facts.record.expires_at) if facts.record else None
    return facts.has_access_token and (ends is None or ends > now)


def _findings(facts: Facts, judged: Verdict, now: datetime) -> Iterator[Finding]:
    reason = BY_NAME[judged.reason]
    usable = token_lives(facts, now) and not facts.claim
    goes_on = reason.good or (usable and judged.reason in ("RefreshFailed", "SourceRejected"))
    yield Finding("Accepted", _truth(judged.reason != "ApplyRejected"), _accepted(judged), judged.text)
    yield Finding("CredentialsReady", _truth(usable), judged.reason, judged.text)
    yield Finding("Ready", _truth(usable and goes_on), judged.reason, judged.text)
    if facts.running or judged.reason == "Pending":
        yield Finding("Reconciling", "True", "RefreshRunning", _running(facts))
    if reason.stalled:
        yield Finding("Stalled", "True", judged.reason, judged.text)
    if warning := _warning(facts, judged):
        yield warning


def _accepted(judged: Verdict) -> str:
    return judged.reason if judged.reason == "ApplyRejected" else "Valid"


def _running(facts: Facts) -> str:
    return f"Job {facts.running.name} runs" if facts.running else "the first run is on its way"


def _warning(facts: Facts, judged: Verdict) -> Finding | None:
    if judged.reason in ("RefreshFailed", "SourceRejected"):
        return Finding("ConfigurationWarning", "True", judged.reason, judged.text)
    upcoming, ends = next_refresh(facts), _moment(facts.record.expires_at) if facts.record else None
    if upcoming and ends and upcoming >= ends:
        text = f"the token ends at {_text(ends)}, before the next refresh at {_text(upcoming)}: tighten the schedule"
        return Finding("ConfigurationWarning", "True", "ScheduleTooSlow", text)
    return None


def _condition(one: Finding, before: Mapping[str, Any] | None, generation: int, now: datetime) -> Document:
    same = before is not None and before["status"] == one.status
    return {
        "type": one.condition,
        "status": one.status,
        "reason": one.reason,
        "message": one.message,
        "lastTransitionTime": before["lastTransitionTime"] if before and same else _text(now),
        "observedGeneration": generation,
    }


def _truth(value: bool) -> Literal["True", "False"]:
    return "True" if value else "False"


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def _text(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else ""
