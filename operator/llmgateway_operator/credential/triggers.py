"""Which run is wanted now, beside the scheduled ones. Each reason for a run has a name, and few Jobs.

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
MOST_SILENT_RUNS: Final = 3


@dataclass(frozen=True)
class Trigger:
    """A run to be made. `ended_job`: a Job that is over, whose Lease may be taken over."""

    job: str
    label: str
    why: str
    ended_job: str = ""


def trigger(facts: Facts) -> Trigger | None:
    """The run that is wanted now and was not made yet, or was killed without a word."""
    credential = facts.credential
    if credential.spec.suspend or facts.claim or facts.running or not is_refreshed(credential):
        return None
    if why := _unsettled(facts):
        return _made(facts, why, MOST_FOLLOW_UPS)
    wanted = (_made(facts, why, _most(facts)) for why in (_first_run(facts), _new_login(facts), _asked(facts)))
    return next((each for each in wanted if each), None)


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


def _made(facts: Facts, why: str, most: int) -> Trigger | None:
    """The next Job for this reason, as long as there are not too many."""
    label = _label(facts, why)
    before = sum(job.trigger == label for job in facts.jobs)
    if not why or before >= most:
        return None
    holder = facts.lease_holder.partition("/")[0]
    return Trigger(f"{facts.owner.refresh}-{label}-{before}", label, why, ended_job=holder)


def _most(facts: Facts) -> int:
    """A run that failed says so in the record, and the schedule tries again; one that was killed says nothing."""
    return MOST_SILENT_RUNS if (facts.record or RefreshRecord()).reason in ("", "Fresh") else 1


def _label(facts: Facts, why: str) -> str:
    return hashlib.sha256(f"{facts.owner.uid} {why}".encode()).hexdigest()[:8]
