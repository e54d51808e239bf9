"""Which run is wanted, who claimed first, what the status says."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from llmgateway_api import LLMCredential
from llmgateway_operator.credential.access_copy import access_copy
from llmgateway_operator.credential.claims import foreign_target, older_claim, taken_login
from llmgateway_operator.credential.cron import next_time, spread
from llmgateway_operator.credential.facts import Facts, JobFacts
from llmgateway_operator.credential.naming import CredentialOwner
from llmgateway_operator.credential.reasons import REASONS
from llmgateway_operator.credential.refresh_record import ANNOTATION
from llmgateway_operator.credential.source_login import SourceLogin
from llmgateway_operator.credential.triggers import trigger
from llmgateway_operator.credential.verdicts import status, verdict

OWNER = CredentialOwner("team", "claude", "uid-1")
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
DOCUMENTATION = Path(__file__).parents[4] / "docs" / "credentials.md"
INTENT = {"token": "f1", "run": "job-1/pod", "firstSent": "2026-01-01T11:59:00Z"}


def credential(name: str = "claude", annotations: dict[str, str] | None = None, **spec: Any) -> LLMCredential:
    given = {
        "type": "RefreshToken",
        "sourceRef": {"name": "bootstrap", "keys": {"refreshToken": "r"}},
        "oauth": {"tokenURL": "https://login.example/token"},
        "refresh": {"enabled": True},
        **spec,
    }
    return LLMCredential.parse(
        {
            "apiVersion": "llmgateway.dev/v1alpha1",
            "kind": "LLMCredential",
            "metadata": {"name": name, "annotations": annotations or {}},
            "spec": {key: value for key, value in given.items() if value is not None},
        }
    )


def secret(record: dict[str, Any] | None = None, owner: str = "claude", **data: str) -> dict[str, Any]:
    annotations = {} if record is None else {ANNOTATION: json.dumps(record)}
    labels = {"llmgateway.dev/credential": owner}
    return {"metadata": {"name": f"{owner}-token", "labels": labels, "annotations": annotations}, "data": data}


def facts(record: dict[str, Any] | None = None, recovery: dict[str, Any] | None = None, **changes: Any) -> Facts:
    """A credential with a login taken from the source `f0`, both copies alike unless said otherwise."""
    target = secret(record, accessToken="YQ==", refreshToken="cg==") if record is not None else secret()
    second = record if recovery is None else recovery
    known = Facts(
        changes.pop("credential", credential()),
        OWNER,
        target,
        None if second is None else secret(second),
        SourceLogin(hash="h", refresh_fingerprint="f0"),
    )
    return dataclasses.replace(known, **changes)


TAKEN = {"revision": 1, "reason": "Fresh", "taken": ["f0"]}


def why(found: Facts) -> str:
    wanted = trigger(found)
    return wanted.why if wanted else ""


def test_a_new_login_is_taken_at_once_and_an_old_one_never_again() -> None:
    assert why(facts()) == "login f0"
    assert why(facts(TAKEN)) == ""
    assert why(facts({"revision": 3, "taken": ["f0", "f9"]})) == ""


@pytest.mark.behaviour("O4")
def test_a_request_is_a_reason_for_a_run_until_it_is_fulfilled() -> None:
    asked = credential(refresh={"enabled": True, "requestedAt": "2026-01-01T00:00:00Z"})
    assert why(facts(TAKEN, credential=asked)) == "request 2026-01-01T00:00:00Z"
    assert why(facts({**TAKEN, "request": "2026-01-01T00:00:00Z"}, credential=asked)) == ""
    annotated = credential(annotations={"llmgateway.dev/refresh-at": "now"})
    assert why(facts(TAKEN, credential=annotated)) == "request now"


def test_what_a_killed_run_left_open_is_followed_by_a_run_that_takes_over_its_lock() -> None:
    wanted = trigger(facts({**TAKEN, "intent": INTENT}, lease_holder="job-1/pod"))
    assert wanted is not None
    assert wanted.why.startswith("open f1")
    assert wanted.ended_job == "job-1"


@pytest.mark.parametrize(
    ("target", "recovery", "reason"),
    [
        (None, TAKEN, "restore"),
        (TAKEN, {**TAKEN, "revision": 2}, "recover"),
        (TAKEN, {**TAKEN, "intent": INTENT}, "announced"),
    ],
)
def test_copies_that_differ_are_settled_at_once(target: Any, recovery: Any, reason: str) -> None:
    assert why(facts(target, recovery)).startswith(reason)


def test_a_run_that_fails_is_left_to_the_schedule_and_a_silent_one_is_made_again() -> None:
    first = trigger(facts())
    assert first is not None
    ended = JobFacts(first.job, first.label, finished=True)
    again = trigger(facts(jobs=(ended,)))
    assert again is not None
    assert again.job != first.job
    assert trigger(facts(jobs=(ended,) * 3)) is None
    failed = facts({"reason": "RefreshFailed"}, jobs=(ended,))
    assert trigger(failed) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"jobs": (JobFacts("job", "", finished=False),)},
        {"claim": ("SourceAlreadyClaimed", "")},
        {"credential": credential(suspend=True)},
        {"credential": credential(refresh=None)},
    ],
)
def test_nothing_runs_beside_a_run_for_a_refused_a_suspended_or_a_disabled_credential(changes: dict[str, Any]) -> None:
    assert trigger(facts(**changes)) is None


def metadata(uid: str, created: str) -> dict[str, Any]:
    return {"uid": uid, "name": uid, "creationTimestamp": created}


@pytest.mark.behaviour("O3")
def test_the_oldest_claim_of_a_source_wins_and_a_login_that_was_taken_stays_taken() -> None:
    old, young = metadata("a", "2026-01-01T00:00:00Z"), metadata("b", "2026-01-02T00:00:00Z")
    other = credential("other")
    found = older_claim(young, credential(), [(old, other)], has_login=False)
    assert found is not None
    assert found[0] == "SourceAlreadyClaimed"
    assert older_claim(old, credential(), [(young, other)], has_login=False) is None
    assert older_claim(young, credential(), [(old, other)], has_login=True) is None
    static = credential(
        "key", type="Static", oauth=None, refresh=None, sourceRef={"name": "bootstrap", "keys": {"accessToken": "r"}}
    )
    assert older_claim(young, credential(), [(old, static)], has_login=False) is None
    gone = taken_login("f0", credential(), [secret(TAKEN, owner="gone")])
    assert gone is not None
    assert "gone-token" in gone[1]
    assert taken_login("f1", credential(), [secret(TAKEN, owner="gone")]) is None
    assert taken_login("f0", credential(), [secret(TAKEN)]) is None


def test_a_target_of_somebody_else_is_not_touched() -> None:
    foreign = foreign_target({"metadata": {"name": "x", "labels": {}}}, credential())
    assert foreign is not None
    assert foreign[0] == "TargetAlreadyClaimed"
    assert foreign_target(None, credential()) is None
    assert foreign_target(secret(), credential()) is None
    same = credential("other", target={"secretName": "claude-token"})
    old, young = metadata("a", "2026-01-01T00:00:00Z"), metadata("b", "2026-01-02T00:00:00Z")
    found = older_claim(young, credential(), [(old, same)], has_login=True)
    assert found is not None
    assert found[0] == "TargetAlreadyClaimed"


def conditions(found: Facts, now: datetime = NOW, before: dict[str, Any] | None = None) -> dict[str, Any]:
    said = status(found, verdict(found), before or {}, 1, now)
    return {each["type"]: each for each in said["conditions"]}


ALIVE = {
    **TAKEN,
    "expiresAt": "2026-01-01T20:00:00Z",
    "obtainedAt": "2026-01-01T12:00:00Z",
    "lastRefreshTime": "2026-01-01T12:00:00Z",
}


@pytest.mark.parametrize(
    ("record", "reason", "ready", "stalled"),
    [
        (ALIVE, "Fresh", "True", False),
        ({**ALIVE, "reason": "RefreshFailed"}, "RefreshFailed", "True", False),
        ({**ALIVE, "reason": "ReauthRequired"}, "ReauthRequired", "False", True),
        ({**ALIVE, "intent": INTENT}, "RefreshAmbiguous", "False", False),
        ({"reason": "SourceMissing"}, "SourceMissing", "False", True),
    ],
)
def test_each_ending_of_a_run_has_its_conditions(record: Any, reason: str, ready: str, stalled: bool) -> None:
    found = conditions(facts(record))
    assert (found["Ready"]["reason"], found["Ready"]["status"]) == (reason, ready)
    assert ("Stalled" in found) == stalled


@pytest.mark.behaviour("O4")
def test_the_status_says_until_when_and_when_next() -> None:
    said = status(facts(ALIVE), verdict(facts(ALIVE)), {}, 3, NOW)
    assert said["observedGeneration"] == 3
    assert said["expiresAt"] == "2026-01-01T20:00:00Z"
    assert said["revision"] == 1
    assert said["nextRefreshTime"].startswith(("2026-01-01T16:", "2026-01-01T20:"))


def test_a_status_does_not_change_with_the_clock() -> None:
    first = status(facts(ALIVE), verdict(facts(ALIVE)), {}, 1, NOW)
    assert status(facts(ALIVE), verdict(facts(ALIVE)), first, 1, NOW.replace(hour=15)) == first


def test_a_token_that_ended_unrenewed_is_not_ready() -> None:
    found = conditions(facts(ALIVE), NOW.replace(day=2))
    assert (found["Ready"]["reason"], found["Ready"]["status"]) == ("TokenEnded", "False")


def test_a_schedule_that_comes_too_late_is_a_warning() -> None:
    slow = credential(refresh={"enabled": True, "schedule": "0 0 1 * *"})
    found = conditions(facts(ALIVE, credential=slow))
    assert found["ConfigurationWarning"]["reason"] == "ScheduleTooSlow"


def test_a_static_key_is_copied_once_per_change_and_never_over_a_login() -> None:
    static = credential(
        type="Static", oauth=None, refresh=None, sourceRef={"name": "bootstrap", "keys": {"accessToken": "r"}}
    )
    source = SourceLogin(hash="h1", access_token="key")
    copy = access_copy(facts(credential=static, source=source), "2026-01-01T00:00:00Z")
    assert copy is not None
    assert copy["data"] == {"accessToken": "a2V5"}
    record = json.loads(copy["metadata"]["annotations"][ANNOTATION])
    assert (record["revision"], record["sourceHash"]) == (1, "h1")
    same = facts(credential=static, source=source, target=secret(record, accessToken="a2V5"))
    assert access_copy(same, "") is None
    assert access_copy(facts(TAKEN, credential=static, source=source), "") is None


def test_the_first_minute_is_moved_and_the_next_time_found() -> None:
    assert spread("5 */4 * * *", "uid") == "5 */4 * * *"
    assert spread("0 */4 * * *", "uid") == spread("0 */4 * * *", "uid") != spread("0 */4 * * *", "other")
    after = datetime(2026, 1, 31, 23, 59, 30, tzinfo=UTC)
    expected = {
        "0 */4 * * *": "2026-02-01T00:00",
        "30 2 29 2 *": "2028-02-29T02:30",
        "0 12 * * mon-fri": "2026-02-02T12:00",
        "15,45 9-17/4 1 * sun": "2026-02-01T09:15",
        "0 0 31 feb *": "",
    }
    for schedule, moment in expected.items():
        found = next_time(schedule, after)
        assert (found.strftime("%Y-%m-%dT%H:%M") if found else "") == moment, schedule


def test_every_reason_is_explained_to_administrators() -> None:
    text = DOCUMENTATION.read_text()
    for reason in REASONS:
        assert f"| `{reason.name}` | {reason.meaning} | {reason.remedy} |" in text, reason.name
