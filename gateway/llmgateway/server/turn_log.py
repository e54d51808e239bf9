"""One log line and one set of metrics per request, after its last byte."""

from __future__ import annotations

import logging
from typing import Any, Generic, TypeVar

from prometheus_client import Counter, Histogram

from llmgateway.policies.apply import policy_of
from llmgateway.server.turn_record import TurnRecord
from llmgateway.telemetry.metrics import Metrics

logger = logging.getLogger("llmgateway.access")

MAX_FIELD_LABELS = 100

C = TypeVar("C", Counter, Histogram)


class _Children(Generic[C]):
    """The children of one metric by their labels, found in one dictionary look-up instead of a checked one."""

    def __init__(self, metric: C) -> None:
        self._metric: C = metric
        self._known: dict[tuple[str, ...], C] = {}

    def __call__(self, *labels: str) -> C:
        child = self._known.get(labels)
        if child is None:
            child = self._known[labels] = self._metric.labels(*labels)
        return child


class TurnLog:
    """Counts requests in flight and writes down what came of each."""

    def __init__(self, metrics: Metrics) -> None:
        self._streams = metrics.streams
        self._requests = _Children(metrics.requests)
        self._duration = _Children(metrics.duration)
        self._first_token = _Children(metrics.first_token)
        self._tokens = _Children(metrics.tokens)
        self._stages = _Children(metrics.stages)
        self._policies = _Children(metrics.policies)
        self._dropped = _Children(metrics.dropped)
        self._field_names: set[str] = set()

    def began(self) -> None:
        """One more request in flight."""
        self._streams.inc()

    def ended(self, record: TurnRecord) -> None:
        """The request is over, however it went."""
        self._streams.dec()
        labels = (record.dialect, record.model, record.backend)
        self._requests(*labels, record.client, str(record.status)).inc()
        self._duration(*labels).observe(record.stages.elapsed())
        if record.first_byte_after is not None:
            self._first_token(*labels).observe(record.first_byte_after)
        self._count_tokens(record, labels)
        for stage, seconds in record.stages.durations():
            self._stages(stage).observe(seconds)
        for note in (*record.policies, *record.happened):
            self._policies(policy_of(note)).inc()
        for loss in record.losses:
            self._dropped(self._field_label(loss.path)).inc()
        if logger.isEnabledFor(logging.INFO):
            # Without the search for the caller's file and line, which no line shows.
            logger.handle(logger.makeRecord(logger.name, logging.INFO, "", 0, "request", (), None,
                                            extra={"fields": _fields(record)}))  # fmt: skip

    def _field_label(self, path: str) -> str:
        """The top-level field; names are the client's, so their number is bounded here."""
        name = path.partition("[")[0].partition(".")[0]
        if len(self._field_names) < MAX_FIELD_LABELS:
            self._field_names.add(name)
        return name if name in self._field_names else "other"

    def _count_tokens(self, record: TurnRecord, labels: tuple[str, str, str]) -> None:
        usage = record.outcome.usage
        for kind, count in (
            ("input", usage.input_tokens), ("output", usage.output_tokens),
            ("cached", usage.cached_tokens), ("reasoning", usage.reasoning_tokens),
        ):  # fmt: skip
            if count:
                self._tokens(*labels, record.client, kind).inc(count)


def _fields(record: TurnRecord) -> dict[str, Any]:
    """What the log line says: facts, never texts of requests or answers."""
    usage, finish, failure = record.outcome.usage, record.outcome.finish, record.failure or record.outcome.failure
    fields: dict[str, Any] = {
        "request_id": record.request_id, "client": record.client, "dialect": record.dialect, "model": record.model,
        "backend": record.backend, "status": record.status, "stream": record.streamed,
        "seconds": round(record.stages.elapsed(), 4), "stages": record.stages.header(),
        "input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens,
        "finish": finish.reason if finish else None,
    }  # fmt: skip
    if failure is not None:
        fields["failure"] = {"kind": failure.kind, "message": failure.message, "upstream": failure.from_upstream}
    if record.losses:
        fields["dropped"] = [loss.path for loss in record.losses]
    return fields
