"""A stored response as a stream: everything after a sequence number, then what comes, from whichever replica works."""

from __future__ import annotations

from llmgateway.failures import Failure, TurnRefused
from llmgateway.server.response_headers import answer_headers
from llmgateway.server.responses_turn import STORE_AWAY, unknown_response
from llmgateway.server.stream_pump import Send
from llmgateway.server.turn_record import TurnRecord
from llmgateway.storage.errors import StoreError
from llmgateway.storage.port import Responses
from llmgateway.storage.records import EventPage
from llmgateway.wire import json_codec

KEEP_ALIVE = b": keepalive\n\n"
"""A comment, not an event: numbered keep-alives of a follower would collide with the log's numbers."""
LOST = "The rest of this stream is no longer stored: fetch the response without stream."


async def follow(
    responses: Responses, record: TurnRecord, identifier: str, after: int, send: Send, keep_alive: float
) -> None:
    """Sends the events above `after` until the response is closed. Raises TurnRefused before the first byte."""
    page = await _page(responses, record.client, identifier, after, 0.0)
    headers = answer_headers(record, b"text/event-stream; charset=utf-8")
    record.first_byte_after = record.stages.elapsed()
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while True:
        if page.events:
            after = page.events[-1].number
        data = b"".join([event.data for event in page.events]) or KEEP_ALIVE
        if page.is_cut:
            data += _lost(after + 1)
        more = not (page.is_closed or page.is_cut)
        await send({"type": "http.response.body", "body": data, "more_body": more})
        if not more:
            return
        try:
            page = await _page(responses, record.client, identifier, after, keep_alive)
        except TurnRefused as refused:
            page = EventPage([], is_cut=True)
            record.failed(refused.failure, 200)


async def _page(responses: Responses, owner: str, identifier: str, after: int, timeout: float) -> EventPage:  # noqa: ASYNC109 - the store's own wait
    try:
        page = await responses.wait_events(owner, identifier, after, timeout)
    except StoreError:
        raise TurnRefused(STORE_AWAY) from None
    if page is None:
        raise TurnRefused(unknown_response(identifier, "response_id"))
    if after < 0 and page.is_cut and not page.events:
        raise TurnRefused(Failure(kind="not_found", message=LOST, param="starting_after"))
    return page


def _lost(number: int) -> bytes:
    data = {"type": "error", "sequence_number": number, "code": "server_error", "message": LOST, "param": None}
    return b"event: error\ndata: " + json_codec.encode(data) + b"\n\n"
