"""The accept/reject corpus as `llmgateway check` judges it; tests/apiserver judges the same files."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiserver.crd_corpus.cases import Refused, accepted, examples, refused
from llmgateway_api import load_documents
from llmgateway_api.rules import RULES


@pytest.mark.parametrize("path", [*accepted(), *examples()], ids=lambda path: path.stem)
def test_a_good_document_is_accepted(path: Path) -> None:
    assert load_documents(path.read_text(encoding="utf-8")).errors == ()


@pytest.mark.parametrize("case", refused(), ids=lambda case: case.name)
def test_a_bad_document_is_refused_at_the_place_and_with_the_sentence(case: Refused) -> None:
    errors = load_documents(case.path.read_text(encoding="utf-8")).errors
    assert [error.path for error in errors] == [case.at]
    assert case.by_check in errors[0].message


def test_the_corpus_refuses_every_rule_at_least_once() -> None:
    expectations = {(case.name.split(".")[0], case.name.split(".")[1]): case for case in refused()}
    for rules in RULES.values():
        for rule in rules:
            assert (rule.of, rule.name) in expectations, f"no file reject/{rule.of}.{rule.name}.yaml"
            assert rule.message.startswith(expectations[rule.of, rule.name].by_check)


def test_the_corpus_is_no_smaller_than_promised() -> None:
    assert len(accepted()) + len(refused()) >= 60
