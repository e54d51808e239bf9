"""The operator's Grafana dashboard: one panel per question, as data."""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple


class Panel(NamedTuple):
    """`expression` is PromQL over all operators that the chosen namespace has."""

    title: str
    expression: str
    legend: str
    unit: str


_OF: Final = '{namespace="$namespace"}'
PANELS: Final = (
    Panel("Who leads", f"llmgateway_operator_leader{_OF}", "{{pod}}", "short"),
    Panel("Work waiting", f"sum(llmgateway_operator_queue_depth{_OF})", "objects", "short"),
    Panel("Reconciliations", f"sum(rate(llmgateway_operator_reconciliations_total{_OF}[5m]))", "all", "ops"),
    Panel("Failures", f"sum(rate(llmgateway_operator_failures_total{_OF}[5m]))", "failed", "ops"),
    Panel("Children", f"max(llmgateway_operator_children{_OF})", "objects", "short"),
    Panel("Memory", f'container_memory_working_set_bytes{_OF[:-1]}, container="operator"}}', "{{pod}}", "bytes"),
)


def dashboard_text() -> str:
    """JSON that Grafana imports."""
    namespaces = {
        "name": "namespace",
        "type": "query",
        "datasource": _SOURCE,
        "query": "label_values(llmgateway_operator_leader, namespace)",
        "refresh": 2,
    }
    dashboard = {
        "uid": "llmgateway-operator",
        "title": "LLMGateway operator",
        "tags": ["llmgateway"],
        "schemaVersion": 39,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "templating": {"list": [{"name": "datasource", "type": "datasource", "query": "prometheus"}, namespaces]},
        "panels": [_panel(place, each) for place, each in enumerate(PANELS)],
    }
    return json.dumps(dashboard, indent=1) + "\n"


_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


def _panel(place: int, panel: Panel) -> dict[str, Any]:
    return {
        "id": place + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": _SOURCE,
        "gridPos": {"h": 8, "w": 12, "x": 12 * (place % 2), "y": 8 * (place // 2)},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [{"refId": "A", "expr": panel.expression, "legendFormat": panel.legend}],
    }
