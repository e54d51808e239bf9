"""Requests of every pair as folders: `<pair>/<sentence>/{request, target, upstream, losses}.json`.

`GOLDEN_REFRESH=1 pytest tests/golden/requests` rewrites upstream.json and losses.json; read the difference before you
keep it. A refused request has `{"refused": {param, message}}` as its upstream.json.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from llmgateway.failures import TurnRefused
from llmgateway.translate.table import TRANSLATORS
from llmgateway.translate.translated import Target

HERE = Path(__file__).parent
PAIRS = {
    "messages_to_chat": (("messages", "chat"), ("R3", "T1")),
    "chat_to_messages": (("chat", "messages"), ("R1", "T4")),
    "responses_to_chat": (("responses", "chat"), ("R4", "T4")),
    "responses_to_messages": (("responses", "messages"), ("R4", "T4")),
}


def cases() -> list[Any]:
    """One parameter per folder, marked with the rows that its pair covers."""
    return [
        pytest.param(pair, folder, id=f"{name}/{folder.name}", marks=pytest.mark.behaviour("R6", "R9", *rows))
        for name, (pair, rows) in PAIRS.items()
        for folder in sorted((HERE / name).iterdir())
        if folder.is_dir()
    ]


def translate(pair: tuple[str, str], folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """(upstream.json, losses.json) as the code makes them."""
    request = json.loads((folder / "request.json").read_text(encoding="utf-8"))
    target = Target(**json.loads((folder / "target.json").read_text(encoding="utf-8")))
    before = json.dumps(request)
    try:
        made = TRANSLATORS[pair](request, target)
    except TurnRefused as refused:
        failure = refused.failure
        return {"refused": {"param": failure.param, "message": failure.message}}, {"losses": []}
    assert json.dumps(request) == before, "the client's own document was changed"
    found: dict[str, Any] = {"losses": [{"path": loss.path, "reason": loss.reason} for loss in made.losses]}
    if made.tools:
        found["tools"] = {
            name: {"name": tool.name, "namespace": tool.namespace, "kind": tool.kind}
            for name, tool in made.tools.items()
        }
    if made.headers:
        found["headers"] = made.headers
    return made.document, found


def written(value: Any) -> str:
    """JSON as it stands in a golden file; key order is part of it."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


@pytest.mark.parametrize(("pair", "folder"), cases())
def test_the_request_arrives_as_written_down(pair: tuple[str, str], folder: Path) -> None:
    for name, made in zip(("upstream.json", "losses.json"), translate(pair, folder), strict=True):
        if os.environ.get("GOLDEN_REFRESH"):
            (folder / name).write_text(written(made), encoding="utf-8")
        assert written(made) == (folder / name).read_text(encoding="utf-8"), f"{folder.name}/{name}"


@pytest.mark.behaviour("R9")
def test_there_are_ninety_cases_over_all_pairs() -> None:
    assert len(cases()) >= 90
    assert all(any((HERE / name).iterdir()) for name in PAIRS)
