"""A Grafana dashboard as JSON: one panel per question."""

from __future__ import annotations

import hashlib
import json
from typing import Final, NamedTuple

from llmgateway_operator.desired.naming import Manifest, Owner


class Panel(NamedTuple):
    """`expression` is PromQL with `{of}` where the label matcher of one gateway goes."""

    title: str
    expression: str
    legend: str
    unit: str


_DURATION: Final = "llmgateway_gen_ai_server_request_duration_seconds_bucket"
_FIRST: Final = "llmgateway_gen_ai_server_time_to_first_token_seconds_bucket"
PANELS: Final = (
    Panel("Requests", "sum by (status) (rate(llmgateway_requests_total{{{of}}}[5m]))", "{{status}}", "reqps"),
    Panel("Streams in flight", "sum by (pod) (llmgateway_streams{{{of}}})", "{{pod}}", "short"),
    Panel(
        "Time to the first token, p95",
        f"histogram_quantile(0.95, sum by (le, model) (rate({_FIRST}{{{{{{of}}}}}}[5m])))",
        "{{model}}",
        "s",
    ),
    Panel(
        "Time to the last byte, p95",
        f"histogram_quantile(0.95, sum by (le, model) (rate({_DURATION}{{{{{{of}}}}}}[5m])))",
        "{{model}}",
        "s",
    ),
    Panel(
        "Tokens by type",
        "sum by (type) (rate(llmgateway_gen_ai_client_token_usage_total{{{of}}}[5m]))",
        "{{type}}",
        "short",
    ),
    Panel(
        "Tokens by client",
        "topk(10, sum by (client) (rate(llmgateway_gen_ai_client_token_usage_total{{{of}}}[5m])))",
        "{{client}}",
        "short",
    ),
    Panel("Backends", "min by (backend) (llmgateway_backend_up{{{of}}})", "{{backend}}", "short"),
    Panel(
        "Upstream attempts",
        "sum by (backend, result) (rate(llmgateway_upstream_attempts_total{{{of}}}[5m]))",
        "{{backend}} {{result}}",
        "reqps",
    ),
)


def dashboard_text(owner: Owner) -> str:
    """Stable text: the same gateway gives the same bytes."""
    words = f"{owner.namespace}/{owner.name}"
    dashboard = {
        "uid": hashlib.sha256(words.encode()).hexdigest()[:20],
        "title": f"LLMGateway {words}",
        "tags": ["llmgateway"],
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}]},
        "panels": [_panel(place, each, owner) for place, each in enumerate(PANELS)],
    }
    return json.dumps(dashboard, indent=1, sort_keys=True)


def _panel(place: int, panel: Panel, owner: Owner) -> Manifest:
    of = f'namespace="{owner.namespace}",service="{owner.gateway}"'
    return {
        "id": place + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "gridPos": {"h": 8, "w": 12, "x": 12 * (place % 2), "y": 8 * (place // 2)},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [{"refId": "A", "expr": panel.expression.format(of=of), "legendFormat": panel.legend}],
    }
