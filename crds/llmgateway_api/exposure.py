"""How clients outside the cluster reach the gateway."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from llmgateway_api.api_model import ApiModel, Many
from llmgateway_api.references import SecretReference
from llmgateway_api.scalars import DnsLabel, DnsName, Hostname

AnnotationValue = Annotated[str, StringConstraints(max_length=32768)]


class Ingress(ApiModel):
    """An Ingress with streaming-safe timeouts."""

    class_name: DnsName | None = None
    """Ingress class. Left out: the cluster's default."""
    tls_secret_ref: SecretReference | None = None
    """The TLS certificate. Left out: plain http."""
    annotations: Annotated[dict[str, AnnotationValue], Field(max_length=64)] = Field(default_factory=dict)
    """More annotations of the Ingress; they win over the operator's."""


class ParentReference(ApiModel):
    """A Gateway of the Gateway API that carries the route."""

    name: DnsName
    """Name of the Gateway."""
    namespace: DnsLabel | None = None
    """Namespace of the Gateway. Left out: the same."""
    section_name: DnsName | None = None
    """One listener of it. Left out: all that fit."""


class HttpRoute(ApiModel):
    """An HTTPRoute of the Gateway API without a request timeout."""

    parent_refs: Annotated[Many[ParentReference], Field(min_length=1, max_length=16)]
    """The Gateways that carry the route."""


class Expose(ApiModel):
    """Nothing given: the gateway is reached through its Service only."""

    hostnames: Annotated[Many[Hostname], Field(max_length=16)] = ()
    """Host names of the gateway; needed for an ingress."""
    ingress: Ingress | None = None
    """Make an Ingress."""
    http_route: HttpRoute | None = None
    """Make an HTTPRoute."""
