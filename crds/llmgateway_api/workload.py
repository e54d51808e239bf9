"""The pods: how many, how they come and go, what they may reach, which image they run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from llmgateway_api.api_model import ApiModel, Many
from llmgateway_api.references import SecretReference
from llmgateway_api.scalars import Count, Digest, Duration, FreeForm, ImageTag, PodCount, Positive, Url

Cidr = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Repository = Annotated[str, StringConstraints(pattern=r"^[^\s@]+$", min_length=1, max_length=255)]


class Image(ApiModel):
    """A container image; what is left out is the operator's choice."""

    repository: Repository | None = None
    """Registry and repository."""
    tag: ImageTag | None = None
    """The tag; `digest` wins where both are given."""
    digest: Digest | None = None
    """sha256:..., pins the image for good."""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When the image is pulled."""
    pull_secrets: Annotated[Many[SecretReference], Field(max_length=16)] = ()
    """Secrets with registry logins."""


class Autoscale(ApiModel):
    """A HorizontalPodAutoscaler on streams in flight, with CPU as the fallback."""

    min: Positive = 2
    """The fewest pods."""
    max: Positive = 10
    """The most pods."""
    target_streams: Positive = 100
    """Streams in flight that one pod should have."""
    target_cpu: Annotated[int, Field(ge=1, le=100)] = 70
    """Percent of the requested CPU, where the streams metric is not served."""


class Scaling(ApiModel):
    """How many pods there are."""

    replicas: Count = 1
    """Pods; not read while `autoscale` is given."""
    autoscale: Autoscale | None = None
    """Let the number follow the load."""


class PodDisruptionBudget(ApiModel):
    """How many pods must stay when nodes are drained."""

    min_available: PodCount = 1
    """A number, or a share such as 50%."""


class Availability(ApiModel):
    """How pods leave."""

    pod_disruption_budget: PodDisruptionBudget | None = None
    """Left out: none."""
    drain: Duration = Duration("600s")
    """How long running streams may take to end when a pod stops."""


class CredentialsDelivery(ApiModel):
    """How credentials reach the pods."""

    mode: Literal["HotReload", "CopyToEmptyDir"] = "HotReload"
    """HotReload: Secrets as mounted directories, read again when they change. CopyToEmptyDir: an init container
    copies them to where a program may write."""
    on_change: Literal["Reload", "RollingRestart"] = "Reload"
    """What a changed Secret leads to."""


class NetworkPolicy(ApiModel):
    """A NetworkPolicy that allows what the gateway needs and nothing else."""

    enabled: bool = False
    """Whether there is one."""
    ingress_from: Annotated[Many[FreeForm], Field(max_length=32)] = ()
    """Who may connect: peers as in a Kubernetes NetworkPolicy; empty: all pods of the cluster."""
    egress_cidrs: Annotated[Many[Cidr], Field(max_length=64)] = ()
    """Addresses outside the cluster that the gateway may reach; empty: all."""


class Network(ApiModel):
    """What may reach the pods, and what they may reach."""

    policy: NetworkPolicy = NetworkPolicy()
    """The NetworkPolicy."""


class Tracing(ApiModel):
    """OpenTelemetry traces."""

    endpoint: Annotated[Url, StringConstraints(min_length=0)] = ""
    """OTLP/HTTP address of a collector; empty: no traces."""


class Observability(ApiModel):
    """What is made for monitoring."""

    service_monitor: bool = False
    """Make a ServiceMonitor (Prometheus Operator)."""
    prometheus_rule: bool = False
    """Make a PrometheusRule with alerts."""
    dashboard: bool = False
    """Make a ConfigMap with a Grafana dashboard."""
    tracing: Tracing = Tracing()
    """OpenTelemetry traces."""
