"""Prometheus metrics; names of token and latency metrics follow the OpenTelemetry GenAI semantic conventions
("gen_ai.client.token.usage" and so on) behind the prefix `llmgateway_`.

Labels hold configured names only, never what a client sent: their number stays bounded.
"""

from __future__ import annotations

from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from llmgateway.telemetry.plain_metrics import CounterFamily, HistogramFamily

SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Bucket bounds that the conventions advise for `gen_ai.server.request.duration`."""
FIRST_TOKEN_SECONDS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Bucket bounds that the conventions advise for `gen_ai.server.time_to_first_token`."""
STAGE_SECONDS = (0.0001, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0)
"""From what the gateway itself takes to what long streams take."""


class StoreState(Protocol):
    """What the store tells of itself."""

    @property
    def state(self) -> str: ...
    @property
    def queued(self) -> int: ...
    @property
    def dropped(self) -> int: ...


class Metrics:
    """All metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        turn = ("dialect", "model", "backend")
        self.requests = CounterFamily(
            "llmgateway_requests", "Requests by outcome", (*turn, "client", "status"), self.registry
        )
        self.duration = HistogramFamily(
            "llmgateway_gen_ai_server_request_duration_seconds", "Time to the last byte", turn, SECONDS, self.registry
        )
        self.first_token = HistogramFamily(
            "llmgateway_gen_ai_server_time_to_first_token_seconds", "Time to the first byte of a stream", turn,
            FIRST_TOKEN_SECONDS, self.registry,
        )  # fmt: skip
        self.tokens = CounterFamily(
            "llmgateway_gen_ai_client_token_usage", "Tokens by type (input, output, cached, reasoning)",
            (*turn, "client", "type"), self.registry,
        )  # fmt: skip
        self.stages = HistogramFamily(
            "llmgateway_stage_seconds", "Time by stage of a request", ("stage",), STAGE_SECONDS, self.registry
        )
        self.streams = Gauge("llmgateway_streams", "Requests in flight", registry=self.registry)
        self.dropped = CounterFamily(
            "llmgateway_dropped_fields", "Request fields that the upstream could not take", ("field",), self.registry
        )
        self.policies = CounterFamily(
            "llmgateway_policy_actions", "Policies that acted on a request", ("policy",), self.registry
        )
        self.attempts = CounterFamily(
            "llmgateway_upstream_attempts", "Upstream attempts by result", ("backend", "result"), self.registry
        )
        self.backend_up = Gauge(
            "llmgateway_backend_up", "1 while the backend's circuit is closed", ("backend",), registry=self.registry
        )
        self.store_up = Gauge("llmgateway_store_up", "0 while the store is away", registry=self.registry)
        self.store_queued = Gauge("llmgateway_store_queued_writes", "Writes that wait", registry=self.registry)
        self.store_dropped = Gauge("llmgateway_store_dropped_writes", "Writes lost", registry=self.registry)
        self.configuration_valid = Gauge(
            "llmgateway_configuration_valid", "0 while a refused change waits to be corrected", registry=self.registry
        )
        self.configuration_reloads = Counter(
            "llmgateway_configuration_reloads", "Changes seen, by result", ("result",), registry=self.registry
        )

    def note_store(self, health: StoreState) -> None:
        """Takes over the store's state; called at each scrape."""
        self.store_up.set(health.state == "ok")
        self.store_queued.set(health.queued)
        self.store_dropped.set(health.dropped)

    def exposition(self) -> bytes:
        """The text of `GET /metrics` (Prometheus exposition format 0.0.4)."""
        return generate_latest(self.registry)
