"""Token estimates that learn from real usage and are never silently low."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.policies.conversation import read
from llmgateway.policies.message_content import MEDIA_SIZE, content_size
from llmgateway.policies.token_estimate import (
    DEFAULT_RATIO,
    Ratio,
    learned,
    measured_ratio,
    planned_ratio,
    tokens_in,
)
from llmgateway.policies.window import Window, window_of
from llmgateway.wire import json_codec

pytestmark = pytest.mark.behaviour("W5")


def test_before_anything_was_measured_the_estimate_is_rather_high() -> None:
    assert tokens_in(3000, Ratio().planned) == 1000
    assert tokens_in(1, DEFAULT_RATIO) == 1


def test_a_lower_ratio_counts_at_once_and_a_higher_one_slowly() -> None:
    assert measured_ratio(None, 40_000, 10_000) == 4.0
    assert measured_ratio(4.0, 20_000, 10_000) == 2.0
    assert measured_ratio(2.0, 40_000, 10_000) == 2.5


def test_short_prompts_teach_nothing() -> None:
    assert measured_ratio(None, 40, 30) is None
    assert measured_ratio(4.0, 0, 5_000) == 4.0


def test_the_plan_stays_while_it_is_good_enough() -> None:
    assert planned_ratio(3.0, None) == 3.0
    assert planned_ratio(3.0, 3.0) == planned_ratio(3.0, 3.7) == 3.0
    assert planned_ratio(3.0, 2.9) == pytest.approx(2.755)
    assert planned_ratio(3.0, 4.0) == pytest.approx(3.8)


@given(st.lists(st.tuples(st.integers(1, 10**7), st.integers(1, 10**6)), max_size=30))
def test_the_plan_never_assumes_fewer_tokens_than_were_measured(prompts: list[tuple[int, int]]) -> None:
    ratio = Ratio()
    for size, tokens in prompts:
        ratio = learned(ratio, size, tokens)
        if ratio.measured is not None:
            assert ratio.planned <= ratio.measured
            assert tokens_in(size, ratio.planned) >= min(tokens_in(size, ratio.measured), tokens)


@given(st.lists(st.floats(3.6, 4.4), min_size=2, max_size=60))
def test_a_steady_session_changes_its_plan_a_few_times_only(found: list[float]) -> None:
    ratio, plans = Ratio(), set()
    for each in found:
        ratio = learned(ratio, int(each * 100_000), 100_000)
        plans.add(ratio.planned)
    assert len(plans) <= 5  # from the highest to the lowest in steps of 5 % at least, and never up again


@given(st.text(max_size=200), st.sampled_from(["user", "assistant"]))
def test_a_text_never_has_a_larger_size_than_its_json_has_bytes(text: str, role: str) -> None:
    made = {
        "model": "m",
        "messages": [{"role": role, "content": text}, {"role": role, "content": [{"type": "text", "text": text}]}],
    }
    assert read(made, "chat").size <= len(json_codec.encode(made))


def test_scripts_with_long_characters_count_more() -> None:
    assert content_size("文" * 100) == 300


def test_pictures_count_what_a_model_sees_and_not_their_bytes() -> None:
    data = "A" * 1_000_000
    image = {"type": "image", "source": {"type": "base64", "data": data}}
    assert content_size([image]) == MEDIA_SIZE
    assert content_size([{"type": "image_url", "image_url": {"url": "data:image/png;base64," + data}}]) == MEDIA_SIZE
    assert content_size([{"type": "tool_result", "tool_use_id": "a", "content": [image]}]) < 2 * MEDIA_SIZE
    assert content_size([{"type": "document", "source": {"type": "base64", "data": data}}]) > 100_000


@pytest.mark.behaviour("W4")
def test_the_window_is_the_specs_else_detected_else_the_default() -> None:
    assert window_of(8192, 32768, 131072) == Window(8192, "spec")
    assert window_of(None, 32768, 131072) == Window(32768, "detected")
    assert window_of(None, None, 131072) == Window(131072, "default")
    assert window_of(None, 0, 131072) == Window(131072, "default")
