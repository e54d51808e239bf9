"""Single runs with one particular thing going wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from llmgateway.credentials import refresh_record
from llmgateway.credentials.refresh_record import Record
from simulation.world import Client, Secret, World
from support.token_families import TokenFamilies

HOURS = 3600.0


def at(wanted: str, act: Callable[[World], str]) -> Callable[[Client, str], str]:
    """Acts once, at the first step of that name."""
    done: list[str] = []

    def fault(client: Client, step: str) -> str:
        if step != wanted or done:
            return ""
        done.append(step)
        return act(client.world)

    return fault


def due() -> World:
    """A login that was taken and is due again."""
    world = World(TokenFamilies())
    world.run()
    world.now += 5 * HOURS
    return world


def put_other_login(world: World, revision: int) -> str:
    refresh, access = world.families.log_in()
    record = refresh_record.encode(Record(revision=revision, reason="Fresh"))
    target = world.secrets["target"]
    target.data |= {"refreshToken": refresh.encode(), "accessToken": access.encode()}
    target.record = record
    target.version += 1
    return refresh


@pytest.mark.behaviour("O3")
def test_tokens_that_somebody_else_wrote_meanwhile_are_not_overwritten() -> None:
    world = due()
    written: list[str] = []

    def intrude(world: World) -> str:
        written.append(put_other_login(world, revision=9))
        return ""

    world.fault = at("exchange", intrude)
    report = world.run()
    assert report is not None
    assert report.reason == "StoreFailed"
    assert [world.refresh_token] == written


@pytest.mark.behaviour("O3")
def test_a_refused_token_is_a_success_where_another_one_stands_there_by_now() -> None:
    world = due()

    def intrude(world: World) -> str:
        world.families.revoke(world.refresh_token)
        put_other_login(world, revision=1)
        return ""

    world.fault = at("exchange", intrude)
    report = world.run()
    assert report is not None
    assert report.reason == "Fresh"
    assert world.families.takes(world.refresh_token, world.now)


@pytest.mark.behaviour("O3")
def test_a_refused_token_that_still_stands_there_needs_a_human_and_is_kept() -> None:
    world = due()
    token = world.refresh_token
    world.families.revoke(token)
    for _ in range(3):
        report = world.run()
        assert report is not None
        assert report.reason == "ReauthRequired"
    assert world.refresh_token == token
    assert world.families.presentations == 2, "a dead token is not shown again"
    world.log_in()
    report = world.run()
    assert report is not None
    assert report.reason == "Fresh"


def test_an_old_copy_is_never_taken_for_a_new_one() -> None:
    """The recovery Secret is behind, the run is killed before it sends, and the target is deleted."""
    world = due()
    behind = {"refreshToken": world.secrets["source"].data["refresh"], "accessToken": b"old"}
    world.secrets["recovery"] = Secret(data=behind, record="{}")
    world.fault = at("exchange", lambda _: "kill before")
    assert world.run() is None
    world.secrets["target"] = Secret()
    world.now += 4 * HOURS
    report = world.run()
    assert report is not None
    assert report.reason == "ReauthRequired"
    assert world.families.double_spends == 0


def test_a_deleted_target_is_restored_from_the_recovery_secret() -> None:
    world = due()
    token = world.refresh_token
    world.now -= 5 * HOURS
    world.secrets["target"] = Secret()
    report = world.run()
    assert report is not None
    assert (report.reason, report.revision, world.refresh_token) == ("Fresh", 1, token)
    assert world.families.presentations == 1


def test_a_target_that_cannot_be_written_leaves_the_tokens_in_the_recovery_secret() -> None:
    world = due()
    sent: list[str] = []

    def break_down(_: Client, step: str) -> str:
        sent.extend([step] if step == "exchange" else [])
        return "error before" if sent and step == "write target" else ""

    world.fault = break_down
    report = world.run()
    assert report is not None
    assert report.reason == "StoreFailed"
    assert "recovery" in report.message
    world.fault = lambda _client, _step: ""
    world.now += 60
    report = world.run()
    assert report is not None
    assert (report.reason, report.revision) == ("Fresh", 2)
    assert world.families.takes(world.refresh_token, world.now)


def test_an_endpoint_that_cannot_be_reached_leaves_no_intent() -> None:
    world = due()
    world.fault = at("connect", lambda _: "error before")
    report = world.run()
    assert report is not None
    assert report.reason == "RefreshFailed"
    assert world.record.intent is None
    assert world.families.presentations == 1


def test_a_damaged_record_stops_everything_before_anything_is_sent() -> None:
    world = due()
    world.secrets["target"].record = "{broken"
    report = world.run()
    assert report is not None
    assert report.reason == "StoreFailed"
    assert world.families.presentations == 1


def test_a_run_that_is_told_to_end_spends_nothing() -> None:
    world = World(TokenFamilies())
    client = Client(world, "job/pod", "")
    report = world.program(client, stopping=lambda: True).run()
    assert report.reason == "Stopped"
    assert world.families.presentations == 0
    assert world.holder == ""


@pytest.mark.behaviour("O4")
def test_a_request_rotates_a_fresh_token_once() -> None:
    world = World(TokenFamilies())
    for request in ("a", "a", "b", ""):
        world.run(request=request)
    assert world.record.revision == 2
