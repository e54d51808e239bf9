"""max_tokens that fit the window and leave room to think."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.policies.output_room import make_room, room, thinks
from llmgateway.policies.window import Window
from llmgateway_api.policy import Output

pytestmark = pytest.mark.behaviour("W6")
KNOWN = Window(40_960, "detected")


def made(tokens_used: int = 10_000, backend: str = "VLLM", window: Window = KNOWN, **fields: Any) -> Any:
    return make_room(fields, "chat", backend, input_tokens=tokens_used, window=window, output=Output())


def test_it_is_capped_to_what_is_free_in_the_window() -> None:
    found = made(model="llama", max_tokens=32_000)
    assert found.document["max_tokens"] == found.after == 40_960 - 10_000 - 6144
    assert found.before == 32_000


def test_the_newer_field_is_capped_as_well() -> None:
    assert made(model="llama", max_completion_tokens=32_000).document == {
        "model": "llama", "max_completion_tokens": 24_816,
    }  # fmt: skip


def test_what_fits_stays() -> None:
    assert made(model="llama", max_tokens=100) is None


def test_what_was_not_asked_for_is_not_added() -> None:
    assert made(model="llama") is None
    assert made(model="llama", max_tokens=None) is None
    assert made(model="llama", max_tokens="9") is None


def test_the_cap_never_goes_under_the_minimum() -> None:
    assert made(40_000, model="llama", max_tokens=5000).after == 1024
    assert made(90_000, model="llama", max_tokens=5000).after == 1024
    assert made(90_000, model="llama", max_tokens=500) is None


def test_a_model_that_thinks_gets_the_floor() -> None:
    on = {"chat_template_kwargs": {"enable_thinking": True}}
    assert made(model="qwen3-8b", max_tokens=500, **on).after == 16_384
    assert made(model="qwen3-8b", max_tokens=500, chat_template_kwargs={"enable_thinking": False}) is None
    assert made(model="gpt-oss:20b", max_tokens=500).after == 16_384
    assert made(30_000, model="qwen3-8b", max_tokens=500, **on).after == 40_960 - 30_000 - 6144


def test_an_openai_upstream_with_an_unknown_window_is_left_alone() -> None:
    guess = Window(131_072, "default")
    assert made(backend="OpenAI", window=guess, model="gpt-5", max_completion_tokens=200) is None
    assert (
        made(backend="OpenAI", window=Window(400_000, "spec"), model="gpt-5", max_completion_tokens=200).after == 16_384
    )
    assert made(backend="VLLM", window=guess, model="llama", max_tokens=200_000).after == 131_072 - 10_000 - 19_661


@pytest.mark.behaviour("W0")
def test_messages_upstreams_keep_what_the_client_said() -> None:
    fields = {"model": "claude-opus-5", "max_tokens": 128_000}
    assert make_room(fields, "messages", "Anthropic", input_tokens=1, window=KNOWN, output=Output()) is None


def test_who_thinks() -> None:
    assert thinks({"model": "gpt-5"}, "OpenAI")
    assert not thinks({"model": "gpt-4o"}, "OpenAI")
    assert thinks({"model": "unheard-of", "reasoning_effort": "low"}, "VLLM")
    assert not thinks({"model": "qwen3", "reasoning_effort": "none"}, "Ollama")
    assert not thinks({}, "VLLM")


@given(st.integers(1, 10**6), st.booleans(), st.integers(0, 10**6), st.integers(1, 10**6))
def test_the_room_is_between_its_limits(asked: int, thinking: bool, used: int, window: int) -> None:
    output = Output()
    found = room(asked, thinking, used, window, output)
    assert found <= max(asked, 16_384)
    assert found >= min(asked, 1024)
    assert found <= 1024 or found <= window - used - 0.15 * window + 1
    assert room(found, thinking, used, window, output) == found
