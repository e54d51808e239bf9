"""What monitoring needs: a ServiceMonitor, alerts, a dashboard. Metric names are the gateway's public ones."""

from __future__ import annotations

from collections.abc import Iterator

from llmgateway_api import LLMGateway
from llmgateway_operator.cluster.kinds import CONFIG_MAP, PROMETHEUS_RULE, SERVICE_MONITOR
from llmgateway_operator.desired.alerts import alerts
from llmgateway_operator.desired.dashboard import dashboard_text
from llmgateway_operator.desired.naming import Manifest, Owner
from llmgateway_operator.observe.observed import Observed


def observability_manifests(gateway: LLMGateway, observed: Observed, owner: Owner) -> Iterator[Manifest]:
    """The Prometheus Operator's kinds only where the cluster serves them; the status says so otherwise."""
    wanted = gateway.spec.observability
    if wanted.service_monitor and SERVICE_MONITOR.kind in observed.optional_kinds:
        yield _monitor(owner)
    if wanted.prometheus_rule and PROMETHEUS_RULE.kind in observed.optional_kinds:
        spec = {"groups": [{"name": f"{owner.namespace}.{owner.gateway}", "rules": alerts(owner)}]}
        yield owner.child(PROMETHEUS_RULE, owner.gateway, "gateway", spec=spec)
    if wanted.dashboard:
        name = f"{owner.gateway}-dashboard"
        manifest = owner.child(CONFIG_MAP, name, "gateway", data={f"{name}.json": dashboard_text(owner)})
        manifest["metadata"]["labels"]["grafana_dashboard"] = "1"  # what Grafana's sidecar looks for
        yield manifest


def _monitor(owner: Owner) -> Manifest:
    endpoint = {"port": "http", "path": "/metrics", "interval": "15s"}
    spec = {"selector": {"matchLabels": owner.selector("gateway")}, "endpoints": [endpoint]}
    return owner.child(SERVICE_MONITOR, owner.gateway, "gateway", spec=spec)
