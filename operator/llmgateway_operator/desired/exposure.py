"""Ways in from outside the cluster, none of which may cut a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from llmgateway_api import LLMGateway
from llmgateway_api.exposure import Expose, HttpRoute, Ingress
from llmgateway_operator.cluster.kinds import HTTP_ROUTE, INGRESS
from llmgateway_operator.desired.naming import PORT, Manifest, Owner
from llmgateway_operator.observe.observed import Observed

LONGEST_SILENCE: Final = 3600
"""Seconds in which a stream may say nothing before a proxy in front cuts it."""


def exposure_manifests(gateway: LLMGateway, observed: Observed, owner: Owner) -> Iterator[Manifest]:
    """An HTTPRoute only where the cluster serves it; the status says so otherwise."""
    expose = gateway.spec.expose
    if expose.ingress:
        yield _ingress(expose, expose.ingress, owner, gateway.spec.policy.requests.max_body_bytes)
    if expose.http_route and HTTP_ROUTE.kind in observed.optional_kinds:
        yield _route(expose, expose.http_route, owner)


def _ingress(expose: Expose, ingress: Ingress, owner: Owner, largest_body: int) -> Manifest:
    backend = {"service": {"name": owner.gateway, "port": {"name": "http"}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    spec: Manifest = {"rules": [{"host": host, "http": {"paths": paths}} for host in expose.hostnames]}
    if ingress.class_name:
        spec["ingressClassName"] = ingress.class_name
    if ingress.tls_secret_ref:
        spec["tls"] = [{"hosts": list(expose.hostnames), "secretName": ingress.tls_secret_ref.name}]
    manifest = owner.child(INGRESS, owner.gateway, "gateway", spec=spec)
    manifest["metadata"]["annotations"] = _annotations(largest_body) | dict(ingress.annotations)
    return manifest


def _annotations(largest_body: int) -> dict[str, str]:
    """Timeouts and no buffering, in the words of the controllers that have words for it (Traefik needs none)."""
    nginx, haproxy = "nginx.ingress.kubernetes.io", "haproxy.org"
    return {
        f"{nginx}/proxy-read-timeout": str(LONGEST_SILENCE),
        f"{nginx}/proxy-send-timeout": str(LONGEST_SILENCE),
        f"{nginx}/proxy-buffering": "off",
        f"{nginx}/proxy-request-buffering": "off",
        f"{nginx}/proxy-body-size": str(largest_body),
        f"{haproxy}/timeout-server": f"{LONGEST_SILENCE}s",
        f"{haproxy}/timeout-tunnel": f"{LONGEST_SILENCE}s",
    }


def _route(expose: Expose, route: HttpRoute, owner: Owner) -> Manifest:
    """`0s` turns the request timeout off (GEP-1742)."""
    spec: Manifest = {
        "parentRefs": [each.as_document() for each in route.parent_refs],
        "rules": [
            {
                "matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [{"name": owner.gateway, "port": PORT}],
                "timeouts": {"request": "0s"},
            }
        ],
    }
    if expose.hostnames:
        spec["hostnames"] = list(expose.hostnames)
    return owner.child(HTTP_ROUTE, owner.gateway, "gateway", spec=spec)
