"""One log line and one set of metrics per request, after its last byte."""

from __future__ import annotations

from time import time

from msgspec import UNSET

from llmgateway.policies.apply import policy_of
from llmgateway.server.turn_record import TurnRecord
from llmgateway.telemetry.log_lines import FailureInLine, Moments, RequestLine, request_lines
from llmgateway.telemetry.metrics import Metrics

MAX_FIELD_LABELS = 100


class TurnLog:
    """Counts requests in flight and writes down what came of each."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._running = 0
        metrics.streams.set_function(lambda: self._running)
        self._field_names: set[str] = set()
        self._lines = request_lines()
        self._moments = Moments()

    def began(self) -> None:
        """One more request in flight."""
        self._running += 1

    def ended(self, record: TurnRecord) -> None:
        """The request is over, however it went."""
        metrics = self._metrics
        self._running -= 1
        labels = (record.dialect, record.model, record.backend)
        metrics.requests.inc((*labels, record.client, str(record.status)))
        metrics.duration.observe(labels, record.stages.elapsed())
        if record.first_byte_after is not None:
            metrics.first_token.observe(labels, record.first_byte_after)
        self._count_tokens(record, labels)
        for stage, seconds in record.stages.durations():
            metrics.stages.observe((stage,), seconds)
        for note in (*record.policies, *record.happened):
            metrics.policies.inc((policy_of(note),))
        for loss in record.losses:
            metrics.dropped.inc((self._field_label(loss.path),))
        if self._lines is not None:
            self._lines.request(_line(record, self._moments.text(time())))

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
                self._metrics.tokens.inc((*labels, record.client, kind), count)


def _line(record: TurnRecord, time: str) -> RequestLine:
    usage, finish, failure = record.outcome.usage, record.outcome.finish, record.failure or record.outcome.failure
    return RequestLine(
        time=time,
        request_id=record.request_id,
        client=record.client,
        dialect=record.dialect,
        model=record.model,
        backend=record.backend,
        status=record.status,
        stream=record.streamed,
        seconds=round(record.stages.elapsed(), 4),
        stages=record.stages.header(),
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        finish=finish.reason if finish else None,
        failure=FailureInLine(failure.kind, failure.message, failure.from_upstream) if failure else UNSET,
        dropped=[loss.path for loss in record.losses] if record.losses else UNSET,
    )
