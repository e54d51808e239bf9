"""Strategic merge, by the examples of the Kubernetes documentation."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway_operator.desired.strategic_merge import merge

TWO: dict[str, Any] = {"containers": [{"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}]}, {"name": "b"}]}


@pytest.mark.parametrize(
    ("patch", "merged"),
    [
        ({}, TWO),
        ({"containers": [{"name": "c"}]}, {"containers": [*TWO["containers"], {"name": "c"}]}),
        ({"containers": [{"name": "b", "$patch": "delete"}]}, {"containers": TWO["containers"][:1]}),
        ({"containers": [{"$patch": "replace"}, {"name": "z"}]}, {"containers": [{"name": "z"}]}),
        ({"containers": None}, {}),
        (
            {"containers": [{"name": "a", "env": [{"name": "Y", "value": "2"}]}]},
            {
                "containers": [
                    {"name": "a", "image": "1", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]},
                    {"name": "b"},
                ]
            },
        ),
        (
            {"containers": [{"name": "a", "image": None, "command": ["x"]}]},
            {"containers": [{"name": "a", "env": [{"name": "X", "value": "1"}], "command": ["x"]}, {"name": "b"}]},
        ),
        ({"nodeSelector": {"$patch": "replace", "pool": "x"}}, {**TWO, "nodeSelector": {"pool": "x"}}),
    ],
)
def test_a_patch_gives(patch: dict[str, Any], merged: dict[str, Any]) -> None:
    assert merge(TWO, patch) == merged


def test_a_list_without_a_merge_key_is_replaced() -> None:
    assert merge({"args": ["a"]}, {"args": ["b", "c"]}) == {"args": ["b", "c"]}


WORDS = st.sampled_from(["a", "b", "env", "ports"])
JSON = st.recursive(st.booleans() | WORDS, lambda part: st.dictionaries(WORDS, part, max_size=3), max_leaves=8)
OBJECTS = st.dictionaries(WORDS, JSON, max_size=4)


@given(OBJECTS, OBJECTS)
def test_a_patch_applied_twice_is_applied_once_and_no_argument_changes(base: Any, patch: Any) -> None:
    before = repr((base, patch))
    once = merge(base, patch)
    assert merge(once, patch) == once
    assert repr((base, patch)) == before
