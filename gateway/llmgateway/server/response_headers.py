"""Response headers of the hot routes: what the gateway says itself, and what it passes on from the upstream."""

from __future__ import annotations

import re
from collections.abc import Mapping

from llmgateway.failures import Failure
from llmgateway.server.turn_record import TurnRecord

HeaderList = list[tuple[bytes, bytes]]

PASSED_ON = frozenset({"request-id", "retry-after", "retry-after-ms", "x-should-retry", "openai-processing-ms"})
PASSED_ON_PREFIXES = ("x-ratelimit-", "anthropic-ratelimit-", "anthropic-priority-")

_UNFIT = re.compile(r"[^\x20-\x7e]")

MAX_DROPPED_HEADER = 4000
"""Bytes of `x-llmgateway-dropped`: proxies refuse headers of 8 KiB."""


def header_value(text: str) -> bytes:
    """What a client sent, fit to stand in a header: anything but visible ASCII becomes `?` (RFC 9110, section 5.5)."""
    return _UNFIT.sub("?", text).encode("ascii")


def passed_on(upstream: Mapping[str, str]) -> HeaderList:
    """Upstream headers that clients act upon: request ids, rate limits, retry hints."""
    return [
        (name.encode(), value.encode("latin-1", "replace"))
        for name, value in upstream.items()
        if name in PASSED_ON or name.startswith(PASSED_ON_PREFIXES)
    ]


def answer_headers(record: TurnRecord, content_type: bytes, length: int | None = None) -> HeaderList:
    """Headers of a good answer; `length` None: a stream."""
    headers = _own(record, content_type)
    if length is None:
        headers += [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")]
    else:
        headers.append((b"content-length", b"%d" % length))
    headers.extend(record.passed_on)
    return headers


def error_headers(record: TurnRecord, failure: Failure, length: int) -> HeaderList:
    """Headers of a failure: the upstream's hints, or the gateway's own where it is the one that refuses."""
    headers = _own(record, b"application/json")
    headers.append((b"content-length", b"%d" % length))
    headers.extend(record.passed_on)
    passed = {name for name, _ in record.passed_on}
    if failure.retry_after is not None and b"retry-after" not in passed:
        headers.append((b"retry-after", b"%d" % failure.retry_after))
    if failure.should_retry is not None and b"x-should-retry" not in passed:
        headers.append((b"x-should-retry", b"true" if failure.should_retry else b"false"))
    return headers


def _own(record: TurnRecord, content_type: bytes) -> HeaderList:
    headers = [
        (b"content-type", content_type),
        (b"x-request-id", record.request_id.encode()),
        (b"server-timing", record.stages.header().encode()),
    ]
    if record.backend:
        headers.append((b"x-llmgateway-backend", record.backend.encode()))
    if record.losses:
        paths = ",".join(dict.fromkeys(loss.path for loss in record.losses))
        headers.append((b"x-llmgateway-dropped", header_value(paths[:MAX_DROPPED_HEADER])))
    headers.extend(record.cors)
    if record.conversation is not None:
        headers.append((b"x-llmgateway-conversation-id", header_value(record.conversation)))
    if record.store_away:
        headers.append((b"x-llmgateway-store", b"away"))
    if record.policies or record.happened:
        notes = ", ".join([*record.policies, *record.happened])
        headers.append((b"x-llmgateway-policies", header_value(notes)))
    if record.suspended:
        headers.append((b"x-llmgateway-session-suspended", header_value(record.suspended)))
    if record.session:
        headers.append((b"x-llmgateway-session-id", record.session.encode()))
    return headers
