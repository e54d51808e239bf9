"""The seam to the API server: errors without secrets, an index without ghosts, a request with its token."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from llmgateway_operator.cluster.errors import Conflict, Gone, Rejected, Throttled, Unreachable, error_of
from llmgateway_operator.cluster.field_paths import known_fields, missing_fields
from llmgateway_operator.cluster.index import ChildIndex, ObjectId
from llmgateway_operator.cluster.kinds import CONFIG_MAP, DEPLOYMENT
from llmgateway_operator.cluster.kubernetes_api import KubernetesApi
from llmgateway_operator.keys import Key
from llmgateway_operator.references import ReferenceIndex


def status(message: str) -> str:
    return json.dumps({"kind": "Status", "message": message, "reason": "Invalid"})


ERRORS = {409: Conflict, 410: Gone, 429: Throttled, 500: Unreachable, 503: Unreachable, 422: Rejected}


@pytest.mark.parametrize(("code", "kind"), ERRORS.items())
def test_a_status_becomes_its_error(code: int, kind: type[Exception]) -> None:
    assert type(error_of("apply Service a/b", code, status("no"))) is kind


def test_an_unknown_field_in_an_apply_is_a_refusal_although_the_server_says_500() -> None:
    sentence = "failed to create typed patch object (a/b; apps/v1): .spec.x: field not declared in schema"
    assert type(error_of("apply", 500, status(sentence))) is Rejected


def test_the_servers_sentence_about_a_secret_is_dropped() -> None:
    error = error_of("apply Secret a/b", 422, status('data: Invalid value: "sk-123"'), secret=True)
    assert str(error) == "apply Secret a/b: Invalid"


def test_long_sentences_are_cut_and_pauses_are_read() -> None:
    error = error_of("apply", 429, status("x" * 10_000), "7")
    assert len(str(error)) == 600
    assert error.retry_after == 7


def metadata(name: str, owner: str = "u1", fields: str = "a", **more: Any) -> dict[str, Any]:
    entry = {"manager": "llmgateway-operator", "operation": "Apply", "fieldsV1": {fields: {}}}
    reference = {"kind": "LLMGateway", "name": "demo", "uid": owner, "controller": True}
    return {
        "name": name,
        "namespace": "team",
        "uid": f"uid-{name}",
        "ownerReferences": [reference],
        "managedFields": [entry],
        **more,
    }


def test_a_fresh_list_leaves_no_ghosts_of_its_kind_and_namespace() -> None:
    index = ChildIndex()
    index.put(CONFIG_MAP, metadata("gone"))
    index.put(CONFIG_MAP, metadata("kept"))
    index.put(DEPLOYMENT, metadata("other-kind"))
    index.put(CONFIG_MAP, {**metadata("other-namespace"), "namespace": "other"})
    index.reset(CONFIG_MAP, "team", [metadata("kept")])
    assert {identity.name for identity, _ in index.of_owner("u1")} == {"kept", "other-kind", "other-namespace"}


def test_only_the_operators_own_fields_count_as_drift() -> None:
    index, identity = ChildIndex(), ObjectId("ConfigMap", "team", "c")
    first = index.put(CONFIG_MAP, metadata("c")).fields
    theirs = metadata("c", resourceVersion="2")
    theirs["managedFields"].append({"manager": "kubectl", "operation": "Update", "fieldsV1": {"z": {}}})
    assert index.put(CONFIG_MAP, theirs).fields == first
    index.put(CONFIG_MAP, metadata("c", fields="less"))
    found = index.find(identity)
    assert found is not None
    assert found.fields != first


def test_references_follow_their_owner() -> None:
    references, gateway, secret = ReferenceIndex(), Key("LLMGateway", "team", "demo"), ObjectId("Secret", "team", "s")
    references.put(gateway, [secret])
    assert references.referrers(secret) == {gateway}
    references.put(gateway, [])
    assert not references.referrers(secret)
    references.forget(gateway)


def test_the_fields_of_the_api_types_are_found_in_a_schema_or_missed() -> None:
    paths = known_fields()["LLMGateway"]
    assert ("spec", "store", "managed", "persistence", "size") in paths
    assert ("spec", "backends", "oauth", "oauth", "tokenURL") in paths
    empty: dict[str, Any] = {"properties": {"spec": {"properties": {"backends": {"type": "array", "items": {}}}}}}
    missing = list(missing_fields([("LLMGateway", empty)]))
    assert "LLMGateway.spec.store" in missing
    assert "LLMGateway.spec.store.managed" not in missing, "nothing is said below what is missing"
    assert "LLMGateway.spec.backends.name" in missing


async def test_every_request_carries_the_token() -> None:
    """36.0.0 and 36.0.1 of the client sent none: the API server saw an anonymous stranger."""
    seen: list[str | None] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.json_response({"metadata": {}})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    configuration = Configuration()
    configuration.host = f"http://127.0.0.1:{runner.addresses[0][1]}"
    configuration.api_key["BearerToken"] = "Bearer the-token"
    api = KubernetesApi(ApiClient(configuration))
    await api.get(DEPLOYMENT, "team", "demo")
    await api.close()
    await runner.cleanup()
    assert seen == ["Bearer the-token"]
