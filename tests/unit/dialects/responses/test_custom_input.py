"""Freeform input out of JSON arguments: equal to a JSON decoder's, however the arguments are split."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.dialects.openai_responses.custom_input import InputUnwrapper

PIECES = st.sampled_from(
    [
        "a",
        "\\",
        '"',
        "\\n",
        "\\u",
        "00e9",
        "\\ud83d",
        "\\ude42",
        "\\u12",
        "\n",
        "{",
        "}",
        '{"input":"',
        '{"input": 1',
        "é🙂",
    ]
)


def unwrap(fragments: list[str]) -> tuple[str, bool]:
    unwrapper = InputUnwrapper()
    found = "".join([unwrapper.feed(fragment) for fragment in fragments]) + unwrapper.end()
    return found, unwrapper.is_whole


@pytest.mark.behaviour("R10", "T4")
@given(
    text=st.text(), ascii_only=st.booleans(), gap=st.sampled_from(["", " ", "\n  "]), rest=st.sampled_from(["", " "])
)
def test_any_input_comes_back_split_or_not(text: str, ascii_only: bool, gap: str, rest: str) -> None:
    arguments = f'{gap}{{{gap}"input"{gap}:{gap}{json.dumps(text, ensure_ascii=ascii_only)}{gap}}}{rest}'
    assert unwrap([arguments]) == (text, True)
    assert unwrap(list(arguments)) == (text, True)


@given(pieces=st.lists(PIECES, max_size=12), opened=st.booleans())
def test_even_broken_arguments_give_the_same_input_however_they_are_split(pieces: list[str], opened: bool) -> None:
    arguments = ('{"input":"' if opened else "") + "".join(pieces)
    assert unwrap([arguments]) == unwrap(list(arguments))


def test_escapes_of_every_kind_are_undone() -> None:
    assert unwrap(['{"input":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude42"}']) == ('"\\/\b\f\n\r\té🙂', True)


def test_half_a_surrogate_pair_becomes_the_replacement_character() -> None:
    assert unwrap(['{"input":"a\\ud83db\\ude42"}']) == ("a\ufffdb\ufffd", True)


def test_a_raw_line_break_that_strict_json_forbids_is_kept() -> None:
    assert unwrap(['{"input":"a\nb"}']) == ("a\nb", True)


def test_an_input_without_its_closing_quote_is_not_whole() -> None:
    assert unwrap(['{"input":"abc']) == ("abc", False)


def test_input_behind_another_key_is_found_at_the_end() -> None:
    assert unwrap(['{"why":"x",', '"input":"abc"}']) == ("abc", True)


def test_arguments_that_are_no_wrapped_input_are_the_input() -> None:
    assert unwrap(["*** Begin Patch\n", "*** End Patch"]) == ("*** Begin Patch\n*** End Patch", False)
    assert unwrap(['{"input":', "7}"]) == ('{"input":7}', False)


def test_a_megabyte_in_small_fragments_takes_linear_time() -> None:
    text = "x" * 1_000_000
    arguments = json.dumps({"input": text})
    assert unwrap([arguments[i : i + 5] for i in range(0, len(arguments), 5)]) == (text, True)
    other = json.dumps({"why": text})
    assert unwrap([other[i : i + 5] for i in range(0, len(other), 5)]) == (other, False)
