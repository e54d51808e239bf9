"""Alerts on what users of a gateway feel, each with what to do."""

from __future__ import annotations

from typing import Final, NamedTuple

from llmgateway_operator.desired.naming import Manifest, Owner


class Alert(NamedTuple):
    """`expression` is PromQL with `{of}` where the label matcher of one gateway goes."""

    name: str
    expression: str
    lasts: str
    severity: str
    summary: str


ALERTS: Final = (
    Alert(
        "LLMGatewayDown",
        "absent(up{{{of}}} == 1)",
        "2m",
        "critical",
        "No pod of the gateway answers: look at the conditions of the LLMGateway.",
    ),
    Alert(
        "LLMGatewayBackendDown",
        "min by (backend) (llmgateway_backend_up{{{of}}}) == 0",
        "5m",
        "critical",
        "The circuit of a backend stays open: GET /health says what it answers.",
    ),
    Alert(
        "LLMGatewayErrors",
        'sum(rate(llmgateway_requests_total{{{of},status=~"5.."}}[5m])) '
        "/ sum(rate(llmgateway_requests_total{{{of}}}[5m])) > 0.05",
        "10m",
        "warning",
        "More than 5 % of requests fail with 5xx.",
    ),
    Alert(
        "LLMGatewaySlowFirstToken",
        "histogram_quantile(0.95, sum by (le) "
        "(rate(llmgateway_gen_ai_server_time_to_first_token_seconds_bucket{{{of}}}[10m]))) > 7.5",
        "15m",
        "warning",
        "One request in twenty waits for more than 10 s for its first token.",
    ),
    Alert(
        "LLMGatewayConfigurationRefused",
        "min(llmgateway_configuration_valid{{{of}}}) == 0",
        "5m",
        "warning",
        "Pods refuse their new configuration and go on with the old one: GET /health says why.",
    ),
)


def alerts(owner: Owner) -> list[Manifest]:
    """The rules of a PrometheusRule."""
    of = f'namespace="{owner.namespace}",service="{owner.gateway}"'
    return [
        {
            "alert": each.name,
            "expr": each.expression.format(of=of),
            "for": each.lasts,
            "labels": {"severity": each.severity, "llmgateway": owner.name},
            "annotations": {"summary": f"LLMGateway {owner.namespace}/{owner.name}: {each.summary}"},
        }
        for each in ALERTS
    ]
