"""Server-sent events as bytes: every split of the same bytes gives the same events."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.wire.sse import SSEDecoder

STREAMS: dict[str, tuple[bytes, list[bytes]]] = {
    "one_event": (b"data: one\n\n", [b"one"]),
    "no_space_after_the_colon": (b"data:one\n\n", [b"one"]),
    "only_one_space_is_taken": (b"data:  one\n\n", [b" one"]),
    "several_data_lines_are_joined": (b"data: a\ndata: b\n\n", [b"a\nb"]),
    "carriage_returns": (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
    "carriage_return_and_line_feed": (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
    "comments_names_and_ids_are_skipped": (b": hi\n\nevent: x\nid: 1\ndata: a\n\n", [b"a"]),
    "extra_blank_lines": (b"\n\n\ndata: a\n\n\n\ndata: b\n\n", [b"a", b"b"]),
    "byte_order_mark": (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
    "line_separators_inside_json": ("data: \u2028\u2029\u0085é🙂\n\n".encode(), ["\u2028\u2029\u0085é🙂".encode()]),
    "empty_data": (b"data\n\ndata:\n\n", [b"", b""]),
    "no_blank_line_at_the_end": (b"data: a\n\ndata: b", [b"a", b"b"]),
}


def decode(pieces: list[bytes]) -> list[bytes]:
    decoder = SSEDecoder()
    found = [event for piece in pieces for event in decoder.feed(piece)]
    return found + decoder.end()


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_is_decoded_whole_and_byte_by_byte(name: str) -> None:
    stream, expected = STREAMS[name]
    assert decode([stream]) == expected
    assert decode([stream[i : i + 1] for i in range(len(stream))]) == expected


@given(name=st.sampled_from(sorted(STREAMS)), cuts=st.lists(st.integers(0, 60)))
def test_any_split_gives_the_same_events(name: str, cuts: list[int]) -> None:
    stream, expected = STREAMS[name]
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    assert decode([stream[a:b] for a, b in itertools.pairwise(edges)]) == expected


@given(st.binary())
def test_no_bytes_make_it_raise(noise: bytes) -> None:
    decode([noise])


def test_a_line_of_a_megabyte_in_small_pieces_is_one_event() -> None:
    line = b"x" * 1_000_000
    stream = b"data: " + line + b"\n\n"
    assert decode([stream[i : i + 100] for i in range(0, len(stream), 100)]) == [line]
