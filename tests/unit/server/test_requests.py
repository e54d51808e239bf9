"""Request bodies, client keys and the cold routes."""

from __future__ import annotations

import gzip

import httpx
import pytest
import zstandard

from support.gateway_files import secret_document
from support.scripted_upstream import ScriptedUpstream, whole
from unit.server.conftest import Gateway, vllm

ANSWER = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]}
BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'


COMPRESS = {"gzip": gzip.compress, "zstd": zstandard.compress, "identity": bytes}


@pytest.mark.behaviour("H1")
@pytest.mark.parametrize("encoding", COMPRESS)
async def test_compressed_bodies_are_read(gateway: Gateway, upstream: ScriptedUpstream, encoding: str) -> None:
    upstream.answers.append(whole(ANSWER))
    async with gateway([vllm(upstream)]) as serving:
        answer = await serving.client.post(
            "/v1/chat/completions", content=COMPRESS[encoding](BODY), headers={"content-encoding": encoding}
        )
    assert answer.status_code == 200
    assert upstream.requests[0].json["messages"] == [{"role": "user", "content": "hi"}]


@pytest.mark.behaviour("H1", "T5")
@pytest.mark.parametrize("encoding", COMPRESS)
async def test_bodies_over_the_limit_are_413_also_after_decompression(
    gateway: Gateway, upstream: ScriptedUpstream, encoding: str
) -> None:
    async with gateway([vllm(upstream)], policy={"requests": {"maxBodyBytes": 2048}}) as serving:
        body = COMPRESS[encoding](b'{"model":"m","x":"' + b"a" * 4000 + b'"}')
        answer = await serving.client.post("/v1/messages", content=body, headers={"content-encoding": encoding})
    assert answer.status_code == 413
    assert answer.json()["error"]["type"] == "request_too_large"


async def test_a_chunked_request_body_is_read(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    async def pieces():  # type: ignore[no-untyped-def]
        yield BODY[:10]
        yield BODY[10:]

    upstream.answers.append(whole(ANSWER))
    async with gateway([vllm(upstream)]) as serving:
        assert (await serving.client.post("/v1/chat/completions", content=pieces())).status_code == 200


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b'{"model": 5}', "Field model must be a string"),
        (b'{"model": "m", "stream": "yes"}', "Field stream must be true or false"),
    ],
)
@pytest.mark.behaviour("T5")
async def test_bad_bodies_are_400_and_say_what_is_wrong(
    gateway: Gateway, upstream: ScriptedUpstream, body: bytes, words: str
) -> None:
    async with gateway([vllm(upstream)]) as serving:
        for path in ("/v1/chat/completions", "/v1/messages", "/v1/responses"):
            answer = await serving.client.post(path, content=body)
            assert answer.status_code == 400
            assert words in answer.json()["error"]["message"]


@pytest.mark.behaviour("R13")
async def test_a_key_is_asked_for_and_a_wrong_one_is_refused_without_retries(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    keys = secret_document("clients", alice="alice-key")
    upstream.answers += [whole(ANSWER), whole(ANSWER)]
    async with gateway([vllm(upstream)], auth={"apiKeys": {"secretRef": {"name": "clients"}}}, documents=[keys]) as s:
        for headers, status in [
            ({}, 401),
            ({"authorization": "Bearer wrong"}, 401),
            ({"authorization": "Bearer alice-key"}, 200),
            ({"x-api-key": "alice-key", "authorization": "Bearer wrong"}, 200),
        ]:
            answer = await s.client.post("/v1/messages", content=BODY, headers=headers)
            assert answer.status_code == status
            if status == 401:
                assert answer.headers["x-should-retry"] == "false"
                assert "wrong" not in answer.text
        assert (await s.client.get("/v1/models")).status_code == 401
        assert (await s.client.get("/readyz")).status_code == 200


@pytest.mark.behaviour("R5")
async def test_models_come_in_the_dialect_of_the_caller(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    async with gateway([vllm(upstream)]) as serving:
        openai = (await serving.client.get("/v1/models")).json()
        anthropic = (await serving.client.get("/v1/models", headers={"anthropic-version": "2023-06-01"})).json()
        codex = (await serving.client.get("/v1/models?client_version=0.169.0")).json()
        one = (await serving.client.get("/v1/models/m")).json()
        none = await serving.client.get("/v1/models/none")
    assert openai["object"] == "list" and openai["data"][0]["object"] == "model"
    assert anthropic["has_more"] is False and anthropic["data"][0]["type"] == "model"
    assert [entry["slug"] for entry in codex["models"]] == ["m"]
    assert one["id"] == "m"
    assert none.status_code == 404 and none.json()["error"]["code"] == "model_not_found"


@pytest.mark.behaviour("R10")
async def test_the_console_answers_get_and_head(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    async with gateway([vllm(upstream)]) as serving:
        page = await serving.client.get("/")
        head = await serving.client.head("/")
    assert "<title>llmgateway console</title>" in page.text
    assert head.status_code == 200 and head.content == b""


async def test_wrong_paths_and_methods_get_an_error_envelope(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    async with gateway([vllm(upstream)]) as serving:
        assert (await serving.client.get("/v1/nothing")).json()["error"]["message"].startswith("GET /v1/nothing")
        wrong = await serving.client.put("/v1/messages", content=b"{}")
    assert wrong.status_code == 405 and wrong.json()["type"] == "error"


async def test_the_hot_routes_are_documented(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    async with gateway([vllm(upstream)]) as serving:
        paths = (await serving.client.get("/openapi.json")).json()["paths"]
    assert {"/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/models", "/health"} <= set(paths)


@pytest.mark.behaviour("H1")
async def test_allowed_origins_get_cors_headers_on_answers_streams_and_preflights(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    upstream.answers.append(whole(ANSWER))
    origin = {"origin": "https://app.example"}
    async with gateway([vllm(upstream)], cors={"allowOrigins": ["https://app.example"]}) as serving:
        plain = await serving.client.post("/v1/messages", content=BODY, headers=origin)
        models = await serving.client.get("/v1/models", headers=origin)
        preflight = await serving.client.options("/v1/messages", headers=origin)
        stranger = await serving.client.get("/v1/models", headers={"origin": "https://other.example"})
    for answer in (plain, models, preflight):
        assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert "access-control-allow-origin" not in stranger.headers


async def test_the_client_s_request_id_is_kept(gateway: Gateway, upstream: ScriptedUpstream) -> None:
    upstream.answers += [whole(ANSWER), whole(ANSWER)]
    async with gateway([vllm(upstream)]) as serving:
        given = await serving.client.post("/v1/messages", content=BODY, headers={"x-request-id": "abc"})
        made: httpx.Response = await serving.client.post("/v1/messages", content=BODY)
    assert given.headers["x-request-id"] == "abc"
    assert made.headers["x-request-id"].startswith("req_")
    assert "upstream;dur=" in made.headers["server-timing"]


@pytest.mark.behaviour("R9")
async def test_names_that_a_client_made_up_are_fit_for_a_header_before_they_stand_in_one(
    gateway: Gateway, upstream: ScriptedUpstream
) -> None:
    upstream.answers.append(whole(ANSWER))
    async with gateway([vllm(upstream)]) as serving:
        body = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"a\\r\\nset-cookie: x=1":1,"\\u00fc":2}'
        answer = await serving.client.post("/v1/messages", content=body)
    assert answer.headers["x-llmgateway-dropped"] == "a??set-cookie: x=1,?"
    assert "set-cookie" not in answer.headers
