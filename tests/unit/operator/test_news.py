"""What leads to another look at a gateway, and what does not: else every own write would."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from llmgateway_operator.cluster.index import Child
from llmgateway_operator.cluster.kinds import CONFIG_MAP, CREDENTIAL, DEPLOYMENT, GATEWAY
from llmgateway_operator.cluster.slim_metadata import own_fields, slim
from llmgateway_operator.handlers import _handler
from llmgateway_operator.keys import Key
from llmgateway_operator.process import _is_news

KNOWN = Child(uid="u", owner=None, owner_uid="o", fields="f", leaving=False, version="1")


@pytest.mark.parametrize("kind", [CONFIG_MAP, DEPLOYMENT])
def test_a_change_of_own_fields_and_coming_and_going_are_news(kind: Any) -> None:
    assert _is_news(kind, None, KNOWN) and _is_news(kind, KNOWN, None)
    assert _is_news(kind, KNOWN, replace(KNOWN, fields="taken by somebody else"))
    assert _is_news(kind, KNOWN, replace(KNOWN, leaving=True))


@pytest.mark.parametrize("kind", [CONFIG_MAP, DEPLOYMENT])
def test_an_echo_of_the_operators_own_write_is_none(kind: Any) -> None:
    assert not _is_news(kind, KNOWN, KNOWN)


def test_another_version_is_news_only_where_the_status_is_read() -> None:
    assert _is_news(DEPLOYMENT, KNOWN, replace(KNOWN, version="2"))
    assert not _is_news(CONFIG_MAP, KNOWN, replace(KNOWN, version="2"))


def noticed(kind: Any, *events: tuple[str | None, dict[str, Any]]) -> list[bool]:
    """Whether each notice was `found` in a list."""
    found: list[bool] = []

    def notice(key: Key, was_found: bool) -> None:
        assert key == Key(kind.kind, "team", "one")
        found.append(was_found)

    handler = _handler(kind, notice)
    for type_, changes in events:
        meta = {"namespace": "team", "name": "one", "uid": "u", "generation": 1, **changes}
        asyncio.run(handler(event={"type": type_}, meta=meta))
    return found


def test_a_gateways_status_is_not_noticed_and_everything_else_is() -> None:
    first: tuple[None, dict[str, Any]] = (None, {"resourceVersion": "1"})
    status = ("MODIFIED", {"resourceVersion": "2"})
    annotated = ("MODIFIED", {"resourceVersion": "3", "annotations": {"llmgateway.dev/restart-at": "now"}})
    changed = ("MODIFIED", {"resourceVersion": "4", "generation": 2})
    leaving = ("MODIFIED", {"resourceVersion": "5", "generation": 2, "deletionTimestamp": "now"})
    gone = ("DELETED", {"resourceVersion": "6"})
    assert noticed(GATEWAY, first, status) == [True]
    assert noticed(GATEWAY, first, annotated, changed, leaving, gone, first) == [True, False, False, False, False, True]


def test_a_credentials_status_concerns_the_gateways_that_use_it() -> None:
    assert noticed(CREDENTIAL, (None, {"resourceVersion": "1"}), ("MODIFIED", {"resourceVersion": "2"})) == [
        True,
        False,
    ]


def test_slim_metadata_keeps_the_fingerprint_and_drops_the_fields() -> None:
    owned = {"manager": "llmgateway-operator", "operation": "Apply", "fieldsV1": {"f:data": {}}}
    metadata = {"name": "one", "uid": "u", "managedFields": [owned, {"manager": "other", "operation": "Update"}]}
    kept = slim(metadata)
    assert "managedFields" not in kept and kept["uid"] == "u"
    assert own_fields(kept) == own_fields(metadata) != own_fields({"managedFields": []})
