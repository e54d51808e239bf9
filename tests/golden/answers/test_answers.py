"""Every folder `<pair>/<sentence>` is one answer: what the upstream sent, the turn's facts, what the client must get.

    upstream.sse | upstream.json    written by hand after the servers' own bytes
    reply.json                      dialects.reply.Reply
    client.sse, client.json         one or both; `GOLDEN_REFRESH=1` rewrites them, and each line is then read by hand

Judges that are not ours: the two grammars of tests/support, and the official SDKs.
"""

from __future__ import annotations

import itertools
import json
import os
from pathlib import Path
from typing import Any

import anthropic
import msgspec
import openai
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llmgateway.dialects import anthropic_messages, openai_chat
from llmgateway.dialects.reply import Dialect, Reply
from llmgateway.events import Event
from llmgateway.fold import fold
from llmgateway.wire.sse import SSEDecoder
from support import event_grammar_chat, event_grammar_messages, official_sdks

HERE = Path(__file__).parent
REFRESH = os.environ.get("GOLDEN_REFRESH") == "1"
DIALECTS: dict[str, Dialect] = {"chat": openai_chat.DIALECT, "messages": anthropic_messages.DIALECT}
ROWS = {
    "chat_to_messages": ("R3", "T2", "T3", "T5", "T9", "T10", "H3", "W11"),
    "messages_to_chat": ("R2", "T4", "T5", "T9", "T10", "H3"),
    "chat_to_chat": ("R2", "T5", "T10", "H3"),
    "messages_to_messages": ("R3", "T5", "T10"),
}


class Case:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        upstream, _, client = folder.parent.name.partition("_to_")
        self.upstream, self.client = DIALECTS[upstream], DIALECTS[client]
        self.reply = msgspec.convert(json.loads((folder / "reply.json").read_text()), Reply)

    @property
    def stream(self) -> bytes:
        return (self.folder / "upstream.sse").read_bytes()

    def events(self, pieces: list[bytes] | None = None) -> list[Event]:
        if (self.folder / "upstream.json").exists():
            return self.upstream.decode_whole((self.folder / "upstream.json").read_bytes())
        decoder = self.upstream.stream_decoder()
        found = [event for piece in pieces or [self.stream] for event in decoder.feed(piece)]
        return found + decoder.end()

    def client_stream(self, pieces: list[bytes] | None = None) -> bytes:
        """As the gateway pumps: one encode call for each upstream read."""
        if (self.folder / "upstream.json").exists():
            return self.client.stream_encoder(self.reply).encode(self.events())
        decoder, encoder = self.upstream.stream_decoder(), self.client.stream_encoder(self.reply)
        found = [encoder.encode(decoder.feed(piece)) for piece in pieces or [self.stream]]
        return b"".join(found) + encoder.encode(decoder.end())

    def client_whole(self) -> bytes:
        return self.client.encode_whole(fold(self.events()), self.reply)

    def judge(self, stream: bytes) -> str:
        if self.client.name == "chat":
            return event_grammar_chat.judge(stream, include_usage=self.reply.include_usage)
        return event_grammar_messages.judge(stream)


def cases(file: str, *, upstream: str = "upstream.*") -> list[Any]:
    folders = sorted({path.parent for path in HERE.glob(f"*/*/{file}") if list(path.parent.glob(upstream))})
    return [
        pytest.param(
            Case(folder),
            id=f"{folder.parent.name}/{folder.name}",
            marks=pytest.mark.behaviour(*ROWS[folder.parent.name]),
        )
        for folder in folders
    ]


STREAMS = cases("client.sse")
WHOLES = cases("client.json")
SPLITTABLE = cases("client.sse", upstream="upstream.sse")


@pytest.mark.parametrize("case", STREAMS)
def test_the_client_gets_exactly_this_stream(case: Case) -> None:
    path = case.folder / "client.sse"
    found = case.client_stream()
    if REFRESH:
        path.write_bytes(found)
    assert found == path.read_bytes()


@pytest.mark.parametrize("case", WHOLES)
def test_the_client_gets_exactly_this_document(case: Case) -> None:
    path = case.folder / "client.json"
    found = json.loads(case.client_whole())
    if REFRESH:
        path.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    assert found == json.loads(path.read_text())


@pytest.mark.parametrize("case", SPLITTABLE)
def test_byte_by_byte_gives_the_same_stream(case: Case) -> None:
    stream = case.stream
    pieces = [stream[at : at + 1] for at in range(len(stream))] or [b""]
    assert case.client_stream(pieces) == (case.folder / "client.sse").read_bytes()


@pytest.mark.parametrize("case", SPLITTABLE)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_split_gives_the_same_stream(case: Case, data: st.DataObject) -> None:
    stream = case.stream
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=12))
    edges = sorted({0, len(stream), *cuts})
    pieces = [stream[start:stop] for start, stop in itertools.pairwise(edges)] or [b""]
    assert case.client_stream(pieces) == (case.folder / "client.sse").read_bytes()


@pytest.mark.parametrize("case", STREAMS)
def test_the_stream_is_legal(case: Case) -> None:
    case.judge((case.folder / "client.sse").read_bytes())


@pytest.mark.behaviour("H1")
@pytest.mark.parametrize("case", SPLITTABLE)
def test_keep_alives_between_any_two_events_leave_it_legal(case: Case) -> None:
    decoder, encoder = case.upstream.stream_decoder(), case.client.stream_encoder(case.reply)
    found = encoder.keep_alive()
    for piece in _events_of(case.stream):
        found += encoder.encode(decoder.feed(piece))
        if not _is_over(case, found):
            found += encoder.keep_alive()
    assert case.judge(found + encoder.encode(decoder.end()))


def _is_over(case: Case, stream: bytes) -> bool:
    try:
        case.judge(stream)
    except AssertionError:
        return False
    return True


@pytest.mark.parametrize("case", SPLITTABLE)
def test_a_stream_cut_after_any_event_ends_legally_and_claims_no_success(case: Case) -> None:
    seen = b""
    for piece in _events_of(case.stream):
        before = seen
        seen += piece
        ending = case.judge(case.client_stream([before] if before else [b""]))
        assert ending == "failed" or _says_its_end(case, before)


def _events_of(stream: bytes) -> list[bytes]:
    blank = b"\r\n\r\n" if b"\r\n\r\n" in stream else b"\n\n"
    return [piece + blank for piece in stream.split(blank) if piece]


def _says_its_end(case: Case, stream: bytes) -> bool:
    """Did the upstream itself say that its turn was finished?"""
    for data in SSEDecoder().feed(stream):
        document = json.loads(data.decode("utf-8", "replace")) if data.startswith(b"{") else {}
        if case.upstream.name == "messages" and (document.get("delta") or {}).get("stop_reason"):
            return True
        if any(choice.get("finish_reason") and not choice["index"] for choice in document.get("choices") or ()):
            return True
    return False


@pytest.mark.parametrize("case", STREAMS)
def test_the_official_sdk_reads_the_stream(case: Case) -> None:
    stream = (case.folder / "client.sse").read_bytes()
    if case.judge(stream) == "failed":
        expected = anthropic.APIStatusError if case.client.name == "messages" else openai.APIError
        with pytest.raises(expected, match=r".+"):
            official_sdks.read_stream(case.client.name, stream)
    else:
        assert official_sdks.read_stream(case.client.name, stream)["id"].endswith(case.reply.id)


@pytest.mark.parametrize("case", WHOLES)
def test_the_official_sdk_reads_the_document(case: Case) -> None:
    body = case.client_whole()
    assert official_sdks.read_document(case.client.name, body) == json.loads(body)


@pytest.mark.parametrize("case", WHOLES)
def test_the_stream_and_the_document_say_the_same(case: Case) -> None:
    stream, document = case.client_stream(), json.loads(case.client_whole())
    assert comparable(official_sdks.read_stream(case.client.name, stream), case) == comparable(document, case)


def comparable(document: dict[str, Any], case: Case) -> dict[str, Any]:
    """Without what a stream leaves out: usage nobody asked for, and arguments cut in the middle."""
    if case.client.name == "chat" and not case.reply.include_usage:
        document = {**document, "usage": None}
    for block in document.get("content", []):
        if block["type"] == "tool_use" and document["stop_reason"] == "max_tokens":
            block["input"] = {}
    return document
