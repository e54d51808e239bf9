"""Every golden answer: the stream, the whole, the official SDK's reading of both, and the stream cut at every event.

A case is a folder in `tests/golden/answers_responses`: events.json (canonical events, `type` is the class), reply.json
(the Reply), client.sse and client.json (what must come out).
`GOLDEN_REFRESH=1 pytest` writes the last two.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import httpx2
import msgspec
import openai
import pytest

from llmgateway import events as canonical
from llmgateway.dialects.openai_responses import ResponsesStreamEncoder, encode_whole
from llmgateway.dialects.reply import Reply
from llmgateway.events import Event, TurnFailed, TurnFinished
from llmgateway.failures import Failure
from llmgateway.fold import fold
from support.event_grammar_responses import judge

GOLDEN = Path(__file__).parents[3] / "golden" / "answers_responses"
CASES = sorted(folder.name for folder in GOLDEN.iterdir())
EVENT_CLASSES = {event.__name__: event for event in get_args(canonical.Event)}
DEATH = TurnFailed(Failure(kind="bad_gateway", message="The upstream closed the connection.", from_upstream=True))

CODES_OF_CODEX = ("context_length_exceeded", "insufficient_quota")


class Case:
    def __init__(self, name: str) -> None:
        self.folder = GOLDEN / name
        facts = json.loads((self.folder / "reply.json").read_bytes())
        self.reply = msgspec.convert(facts, Reply)
        documents = json.loads((self.folder / "events.json").read_bytes())
        self.events: list[Event] = [_event(dict(document)) for document in documents]

    def encoder(self) -> ResponsesStreamEncoder:
        return ResponsesStreamEncoder(self.reply)

    def stream(self) -> bytes:
        return self.encoder().encode(self.events)

    def whole(self) -> bytes:
        return encode_whole(fold(self.events), self.reply)


def _event(document: dict[str, Any]) -> Event:
    event: Event = msgspec.convert(document, EVENT_CLASSES[document.pop("type")])
    return event


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


@pytest.mark.behaviour("T4", "R10", "T10")
def test_the_stream_is_the_golden_one_and_legal(case: Case) -> None:
    stream, golden = case.stream(), case.folder / "client.sse"
    judge(stream)
    if os.environ.get("GOLDEN_REFRESH"):
        golden.write_bytes(stream)
    assert stream.decode() == golden.read_text(encoding="utf-8")


@pytest.mark.behaviour("T4", "T10")
def test_the_whole_answer_is_the_golden_one_and_what_the_stream_ends_with(case: Case) -> None:
    whole, golden = json.loads(case.whole()), case.folder / "client.json"
    if os.environ.get("GOLDEN_REFRESH"):
        golden.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    assert whole == json.loads(golden.read_bytes())
    assert whole == judge(case.stream())


@pytest.mark.behaviour("T4")
def test_any_grouping_of_the_events_gives_the_same_bytes(case: Case) -> None:
    encoder = case.encoder()
    assert b"".join(encoder.encode([event]) for event in case.events) == case.stream()
    chance = random.Random(case.folder.name)
    for _ in range(5):
        edges = sorted({0, len(case.events), *(chance.randrange(len(case.events)) for _ in range(3))})
        encoder = case.encoder()
        pieces = [encoder.encode(case.events[a:b]) for a, b in pairwise(edges)]
        assert b"".join(pieces) == case.stream()


@pytest.mark.behaviour("T5", "H3")
def test_an_upstream_that_dies_after_any_event_gives_a_legal_failure(case: Case) -> None:
    for count in range(len(case.events)):
        response = judge(case.encoder().encode([*case.events[:count], DEATH]))
        assert response["status"] == "failed"
        assert response["error"] == {"code": "server_error", "message": "The upstream closed the connection."}


@pytest.mark.behaviour("H1")
def test_a_keep_alive_is_legal_before_and_after_every_event(case: Case) -> None:
    for count in range(len(case.events) + 1):
        encoder = case.encoder()
        stream = encoder.encode(case.events[:count]) + encoder.keep_alive() + encoder.encode(case.events[count:])
        judge(stream)
        assert b"\nid:" not in stream
        assert b"\n:" not in stream


@pytest.mark.behaviour("R4")
def test_each_event_is_addressed_by_its_sequence_number(case: Case) -> None:
    numbered = case.encoder().encode_each(case.events)
    assert [number for number, _ in numbered] == list(range(len(numbered)))
    assert b"".join(data for _, data in numbered) == case.stream()
    for number, data in numbered:
        assert data.count(b"\n\n") == 1
        assert json.loads(data.split(b"data: ", 1)[1])["sequence_number"] == number


def validate(parsed: openai.BaseModel) -> None:
    """The SDK itself builds its objects without validating them; two error codes are Codex's alone."""
    document = parsed.to_dict()
    response: Any = document.get("response", document)
    if isinstance(response, dict) and (response.get("error") or {}).get("code") in CODES_OF_CODEX:
        response["error"]["code"] = "server_error"
    type(parsed).model_validate(document)


def client_of(body: bytes, content_type: str) -> Iterator[openai.OpenAI]:
    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": content_type}, content=body)

    with (
        httpx2.Client(transport=httpx2.MockTransport(answer)) as http,
        openai.OpenAI(api_key="none", base_url="http://gateway.invalid/v1", http_client=http) as client,
    ):
        yield client


@pytest.mark.behaviour("R6", "T4")
def test_the_official_sdk_reads_the_stream(case: Case) -> None:
    golden = json.loads(case.whole())
    for client in client_of(case.stream(), "text/event-stream"):
        events = list(client.responses.create(model="m", input="hi", stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    terminal = events[-1]
    assert terminal.type in ("response.completed", "response.incomplete", "response.failed")
    assert terminal.response.to_dict(mode="json") == golden
    for event in events:
        validate(event)


@pytest.mark.behaviour("R6", "T4")
def test_the_official_sdks_stream_helper_adds_up_to_the_same(case: Case) -> None:
    golden, text = json.loads(case.whole()), ""
    for client in client_of(case.stream(), "text/event-stream"):
        with client.responses.stream(model="m", input="hi") as stream:
            for event in stream:
                text += event.delta if event.type == "response.output_text.delta" else ""
            if golden["status"] == "completed":
                assert stream.get_final_response().output_text == text
    parts = [part for item in golden["output"] if item["type"] == "message" for part in item["content"]]
    assert text == "".join(part["text"] for part in parts if part["type"] == "output_text")


@pytest.mark.behaviour("R6", "T4")
def test_the_official_sdk_reads_the_whole_answer(case: Case) -> None:
    for client in client_of(case.whole(), "application/json"):
        response = client.responses.create(model="m", input="hi")
    assert response.to_dict(mode="json") == json.loads(case.whole())
    validate(response)


@pytest.mark.behaviour("H3")
def test_no_early_ending_presents_cut_arguments_as_finished(case: Case) -> None:
    for count in range(len(case.events)):
        for ending in (DEATH, TurnFinished("length")):
            response = judge(case.encoder().encode([*case.events[:count], ending]))
            for item in response["output"]:
                if item["type"] == "function_call" and item["status"] == "completed":
                    assert isinstance(json.loads(item["arguments"]), dict)
