"""A whole answer sent as a stream: at once, or in small groups of words where the spec asks for pacing (C2)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

from llmgateway.dialects.reply import StreamEncoder
from llmgateway.events import Event, TextDelta
from llmgateway.policies.pacing import schedule
from llmgateway.server.stream_pump import ClientStream
from llmgateway_api.policy import Pacing


async def send_paced(events: Iterable[Event], encoder: StreamEncoder, client: ClientStream, pacing: Pacing) -> bytes:
    """Sends all but the last piece, which is returned: what is stored must be stored before it goes out."""
    last = b""
    for delay, batch in _batches(events, pacing):
        if last:
            await client.write(last)
        await asyncio.sleep(delay)
        last = encoder.encode(batch)
    return last


def _batches(events: Iterable[Event], pacing: Pacing) -> Iterator[tuple[float, list[Event]]]:
    """Events that go out together, and the seconds to wait before them; one batch where pacing is off."""
    batch: list[Event] = []
    for event in events:
        if not (pacing.words and isinstance(event, TextDelta)):
            batch.append(event)
            continue
        for piece in schedule(event.text, pacing):
            if piece.delay:
                yield 0.0, batch
                batch = []
                yield piece.delay, [TextDelta(piece.text)]
            else:
                batch.append(TextDelta(piece.text))
    yield 0.0, batch
