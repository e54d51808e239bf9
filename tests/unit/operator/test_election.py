"""Who may hold the lease, by a clock of one's own."""

from __future__ import annotations

from typing import Any

from llmgateway_operator.election import Seen, may_take, taken
from llmgateway_operator.settings import ProcessSettings

SETTINGS = ProcessSettings(identity="me")


def lease(holder: str, renewed: str = "2026-01-01T00:00:00.000000Z", duration: int = 15) -> dict[str, Any]:
    return {"spec": {"holderIdentity": holder, "renewTime": renewed, "leaseDurationSeconds": duration}}


def test_a_lease_that_somebody_renews_is_never_taken() -> None:
    seen = Seen()
    for tick in range(100):
        assert not may_take(lease("other", f"renewal {tick}"), "me", seen, tick * 10.0)


def test_a_lease_that_nobody_renews_is_taken_after_its_duration_by_the_own_clock() -> None:
    seen = Seen()
    assert not may_take(lease("other", "2020-01-01T00:00:00Z"), "me", seen, 100.0)  # however old it says it is
    assert not may_take(lease("other", "2020-01-01T00:00:00Z"), "me", seen, 115.0)
    assert may_take(lease("other", "2020-01-01T00:00:00Z"), "me", seen, 115.1)


def test_a_lease_that_was_given_back_or_is_mine_is_taken_at_once() -> None:
    assert may_take(lease(""), "me", Seen(), 0.0)
    assert may_take(lease("me"), "me", Seen(), 0.0)
    assert may_take({}, "me", Seen(), 0.0)


def test_the_holder_and_the_transitions_change_together() -> None:
    mine = taken(lease("other"), SETTINGS, "t1")
    assert mine["spec"]["holderIdentity"] == "me"
    assert (mine["spec"]["acquireTime"], mine["spec"]["leaseTransitions"]) == ("t1", 1)
    again = taken(mine, SETTINGS, "t2")
    assert (again["spec"]["acquireTime"], again["spec"]["leaseTransitions"]) == ("t1", 1)
    assert again["spec"]["renewTime"] == "t2"
