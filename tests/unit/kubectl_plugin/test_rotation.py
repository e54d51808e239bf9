"""When a rotation counts as done, failed, or still on its way; and what is asked for."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest

from kubectl_llmgateway.rotation import REFRESH_AT, outcome, refusal, request_time

from .conftest import NOW, condition

Document = dict[str, Any]


def changed(credential: Document, **status: Any) -> Document:
    after = copy.deepcopy(credential)
    after["status"] |= status
    return after


def test_a_new_refresh_time_is_a_rotation_whatever_the_clocks_say(credential: Document) -> None:
    after = changed(credential, lastRefreshTime="2020-01-01T00:00:00Z", revision=8)
    found = outcome(credential, after)
    assert (found.state, found.message) == ("rotated", "revision 8, valid until 2026-01-02T15:12:00Z")


def test_a_first_rotation_counts(credential: Document) -> None:
    before = copy.deepcopy(credential)
    del before["status"]
    assert outcome(before, credential).state == "rotated"


def test_one_more_failure_ends_the_waiting_with_the_servers_words(credential: Document) -> None:
    ready = condition("Ready", "True", "RefreshFailed", "the token endpoint answered 503")
    found = outcome(credential, changed(credential, consecutiveFailures=1, conditions=[ready]))
    assert (found.state, found.message) == ("failed", "RefreshFailed: the token endpoint answered 503")


def test_becoming_stalled_is_a_failure_and_being_stalled_is_not(credential: Document, stalled: Document) -> None:
    once = changed(stalled, consecutiveFailures=0)
    assert outcome(credential, once).state == "failed"
    assert outcome(once, once).state == "waiting"


def test_a_running_job_is_waited_for(credential: Document) -> None:
    busy = condition("Reconciling", "True", "RefreshRunning", "Job login-refresh-1 runs")
    found = outcome(credential, changed(credential, conditions=[*credential["status"]["conditions"], busy]))
    assert (found.state, found.message) == ("waiting", "RefreshRunning: Job login-refresh-1 runs")


@pytest.mark.parametrize("place", ["annotation", "spec", "status"])
def test_a_request_is_later_than_all_before_it_also_when_this_clock_is_behind(credential: Document, place: str) -> None:
    ahead = "2026-01-02T13:00:00Z"
    if place == "annotation":
        credential["metadata"]["annotations"] = {REFRESH_AT: ahead}
    elif place == "spec":
        credential["spec"]["refresh"] = {"requestedAt": ahead}
    else:
        credential["status"]["lastRefreshTime"] = ahead
    assert request_time(credential, NOW) == "2026-01-02T13:00:01Z"
    assert request_time(credential, NOW + timedelta(hours=2)) == "2026-01-02T14:00:00Z"


def test_static_and_suspended_credentials_are_refused_with_the_way_out(credential: Document) -> None:
    assert refusal(credential) == ""
    static = {"type": "Static", "sourceRef": {"name": "key"}}
    assert refusal({**credential, "spec": static}) == "is Static: change its source, Secret key"
    assert "spec.suspend" in refusal({**credential, "spec": credential["spec"] | {"suspend": True}})
