"""One request to its upstream: candidates in order, retries and failover, until a status worth passing on is known.

Nothing was sent to the client yet, so another try is always safe; after the first byte there is none (R11).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from llmgateway.failures import Failure, TurnRefused
from llmgateway.server.turn_plan import Prepared
from llmgateway.upstreams.backend import Backend
from llmgateway.upstreams.port import ConnectFailed, NeverAnswered, UpstreamAnswer, UpstreamError, UpstreamTimedOut

FAILOVER_STATUSES = frozenset({429, 500, 502, 503, 504, 529})
"""Where another backend may do better. 5xx also count against the circuit; 429 says "busy", not "broken"."""

CONNECT_JITTER = 0.2


class Attempt(Struct):
    """One candidate: its backend and how to make the request for it (lazy: most requests need one translation)."""

    backend: Backend
    prepare: Callable[[], Awaitable[Prepared]]


class Reached(Struct):
    """An answer with a known status, and the request that brought it."""

    prepared: Prepared
    answer: UpstreamAnswer


Observe = Callable[[str, str], None]
"""Called with (backend name, result) after each attempt: ok, status_503, connect_failed, timed_out, broke."""


async def reach(attempts: Sequence[Attempt], observe: Observe) -> Reached:
    """The first answer worth passing on: a success, a client error, or the last candidate's failure.

    Raises TurnRefused (overloaded when no backend could be reached)."""
    now = time.monotonic()
    admitted = [attempt for attempt in attempts if attempt.backend.circuit.admits(now)]
    tried = admitted or list(attempts[:1])  # every circuit open: one is asked all the same
    for attempt in tried[:-1]:
        try:
            reached = await _send(attempt, 1, observe)
        except UpstreamError:
            continue
        if reached.answer.status not in FAILOVER_STATUSES:
            return reached
        reached.answer.close()
    last = tried[-1]
    try:
        return await _send(last, last.backend.retry.attempts if len(tried) == 1 else 1, observe)
    except UpstreamError as error:
        raise TurnRefused(failure_of(error, last.backend.name)) from None


async def _send(attempt: Attempt, tries: int, observe: Observe) -> Reached:
    """One candidate. Failed connects are tried again, because nothing was sent by them; a kept connection that the
    upstream had closed in the meantime is replaced once, at once (llama.cpp closes after 5 s); a credential that was
    rotated in the meantime is used instead of the one that met 401."""
    backend, prepared = attempt.backend, await attempt.prepare()
    stale = renewing = False
    while True:
        tries -= 1
        try:
            answer = await backend.transport.send(prepared.request)
        except NeverAnswered:
            if stale:
                backend.circuit.failed(time.monotonic())
                observe(backend.name, "broke")
                raise
            stale, tries = True, tries + 1
            continue
        except UpstreamError as error:
            backend.circuit.failed(time.monotonic())
            observe(backend.name, _result_of(error))
            if tries < 1 or not isinstance(error, ConnectFailed):
                raise
            await asyncio.sleep(backend.retry.delay * random.uniform(1 - CONNECT_JITTER, 1 + CONNECT_JITTER))
            continue
        _count(backend, answer.status)
        observe(backend.name, "ok" if answer.status < 400 else f"status_{answer.status}")
        renewed = await _with_new_credential(attempt, prepared) if answer.status == 401 and not renewing else None
        if renewed is None:
            return Reached(prepared, answer)
        answer.close()
        prepared, renewing, tries = renewed, True, tries + 1


async def _with_new_credential(attempt: Attempt, refused: Prepared) -> Prepared | None:
    """The request with the credential as it is now, where that is another one than the upstream refused."""
    credential = attempt.backend.credential
    if credential is None or attempt.backend.passthrough:
        return None
    credential.reload()
    prepared = await attempt.prepare()
    return prepared if prepared.request.headers != refused.request.headers else None


def _count(backend: Backend, status: int) -> None:
    if status >= 500:
        backend.circuit.failed(time.monotonic())
    else:
        backend.circuit.succeeded()


def _result_of(error: UpstreamError) -> str:
    if isinstance(error, ConnectFailed):
        return "connect_failed"
    return "timed_out" if isinstance(error, UpstreamTimedOut) else "broke"


def failure_of(error: UpstreamError, backend: str) -> Failure:
    """What the caller is told: connect failures are overload (T6: 529 or 503), silence is a timeout."""
    if isinstance(error, ConnectFailed):
        message = f"Backend {backend} can't be reached ({error}): try again later."
        return Failure(kind="overloaded", message=message)
    if isinstance(error, UpstreamTimedOut):
        message = f"Backend {backend} did not answer in time: {error}."
        return Failure(kind="timeout", message=message)
    return Failure(kind="bad_gateway", message=f"Backend {backend} broke off: {error}.")
