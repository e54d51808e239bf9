"""Durations, quantities, addresses: the texts with a meaning."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway_api import Duration, Quantity, Timeouts
from llmgateway_api.addresses import HTTP_URL, SAFE_FOR_SECRETS, is_cidr, matches


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", 10), ("5m", 300), ("168h", 604800), ("25ms", 0.025), ("1h30m", 5400), ("0.5h", 1800), ("0s", 0)],
)
def test_a_duration_is_a_number_of_seconds_that_remembers_its_text(text: str, seconds: float) -> None:
    assert Duration(text) == seconds
    assert str(Duration(text)) == text


@pytest.mark.parametrize("text", ["", "10", "5 m", "-5s", "1d", "s", "5s ", "5s\n", "1e3s", "٥s", "1us"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration"):
        Duration(text)


@given(st.lists(st.tuples(st.integers(0, 999999), st.sampled_from(["ms", "s", "m", "h"])), min_size=1, max_size=4))
def test_the_parts_of_a_duration_add_up(parts: list[tuple[int, str]]) -> None:
    text = "".join(f"{number}{unit}" for number, unit in parts)
    factors = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
    assert Duration(text) == pytest.approx(sum(number * factors[unit] for number, unit in parts))


def test_a_copied_duration_keeps_its_text() -> None:
    duration = Duration("5m")
    assert [copy.deepcopy(duration).text, pickle.loads(pickle.dumps(duration)).text] == ["5m", "5m"]


def test_a_duration_is_written_as_it_was_read() -> None:
    assert Timeouts.parse({"read": "90m"}).as_document() == {"read": "90m"}


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("512Mi", 536870912), ("1Gi", 1073741824), ("1.5Gi", 1610612736), ("500M", 500000000), ("1e3", 1000),
        ("1500m", 2), ("0", 0), (1024, 1024), ("2k", 2000),
    ],
)  # fmt: skip
def test_a_quantity_is_a_number_of_bytes(text: str | int, amount: int) -> None:
    assert Quantity(text).bytes == amount
    assert str(Quantity(text)) == str(text)


@pytest.mark.parametrize("text", ["", "512MB", "512 Mi", "-1", "1,5Gi", "Mi", "1Mi\n", True])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a quantity"):
        Quantity(text)


def test_quantities_are_equal_by_amount() -> None:
    assert Quantity("1Gi") == Quantity("1024Mi")
    assert len({Quantity("1Gi"), Quantity("1024Mi")}) == 1


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://login.example/token", True), ("https://login.example:8443", True), ("http://localhost:1/x", True),
        ("http://127.0.0.1/token", True), ("http://login/token", True), ("http://login.auth.svc/token", True),
        ("http://login.example/token", False), ("http://localhost@evil.example/", False),
        ("http://127.0.0.1.evil/", False), ("https://", False),
        ("http://a.svc.example/", False), ("HTTPS://login.example", False), ("https://x/#y", False),
    ],
)  # fmt: skip
def test_secrets_go_over_https_or_stay_inside(url: str, safe: bool) -> None:
    assert matches(SAFE_FOR_SECRETS, url) is safe


def test_a_line_break_at_the_end_is_no_match() -> None:
    assert not matches(HTTP_URL, "http://vllm:8000/v1\n")


@pytest.mark.parametrize(
    ("text", "right"),
    [("10.0.0.0/8", True), ("10.1.2.3/8", True), ("::/0", True), ("10.0.0.1", False), ("10.0.0.0/255.0.0.0", False)],
)
def test_a_range_of_addresses_has_a_prefix_length(text: str, right: bool) -> None:
    assert is_cidr(text) is right
