"""Which run is wanted now, beside the scheduled ones. Each reason for a run has a name, and gets its Job once.

A run that was killed between intent and outcome is followed by another one as soon as its Job has ended: where the
server grants a grace, that run can still get the new tokens; where it does not, it says so.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from llmgateway_operator.credential.facts import Facts
from llmgateway_operator.credential.refresh_children import is_refreshed
from llmgateway_operator.credential.refresh_pod import request_of
from llmgateway_operator.credential.refresh_record import RefreshRecord, record_of

MOST_FOLLOW_UPS: Final = 5


@dataclass(frozen=True)
class Trigger:
    """A run to be made. `ended_job`: a Job that is over, whose Lease may be taken over."""

    job: str
    label: str
    why: str
    ended_job: str = ""


def trigger(facts: Facts) -> Trigger | None:
    """The run that is wanted now and was not made yet."""
    credential = facts.credential
    if credential.spec.suspend or facts.claim or facts.running or not is_refreshed(credential):
        return None
    if why := _unsettled(facts):
        return _follow_up(facts, why)
    if why := _first_run(facts) or _new_login(facts) or _asked(facts):
        return _once(facts, why)
    return None


def _unsettled(facts: Facts) -> str:
    target, recovery = record_of(facts.target), record_of(facts.recovery)
    if recovery is None or (target is not None and -1 in (target.revision, recovery.revision)):
        return ""
    if target is None:
        return f"restore {recovery.revision}"
    if target.intent:
        return f"open {target.intent.token} {target.intent.first_sent}"
    if recovery.intent:
        return f"announced {recovery.intent.token} {recovery.intent.first_sent}"
    return f"recover {recovery.revision}" if recovery.revision > target.revision else ""


def _first_run(facts: Facts) -> str:
    if facts.credential.spec.type == "RefreshToken" or facts.has_access_token:
        return ""
    return "" if facts.missing else "first"


def _new_login(facts: Facts) -> str:
    record, source = facts.record or RefreshRecord(), facts.source
    if source is None or not source.refresh_fingerprint or facts.credential.spec.type != "RefreshToken":
        return ""
    known = (*record.taken, record.dead)
    return "" if source.refresh_fingerprint in known else f"login {source.refresh_fingerprint}"


def _asked(facts: Facts) -> str:
    request, record = request_of(facts.credential), facts.record or RefreshRecord()
    return "" if request in ("", record.request) else f"request {request}"


def _follow_up(facts: Facts, why: str) -> Trigger | None:
    label = _label(facts, why)
    before = sum(job.trigger == label for job in facts.jobs)
    if before >= MOST_FOLLOW_UPS:
        return None
    holder = facts.lease_holder.partition("/")[0]
    return Trigger(f"{facts.owner.refresh}-{label}-{before}", label, why, ended_job=holder)


def _once(facts: Facts, why: str) -> Trigger | None:
    label = _label(facts, why)
    if any(job.trigger == label for job in facts.jobs):
        return None
    holder = facts.lease_holder.partition("/")[0]
    return Trigger(f"{facts.owner.refresh}-{label}", label, why, ended_job=holder)


def _label(facts: Facts, why: str) -> str:
    return hashlib.sha256(f"{facts.owner.uid} {why}".encode()).hexdigest()[:8]
