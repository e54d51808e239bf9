"""Where conversations, responses, sessions and limits are kept."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from llmgateway_api.api_model import ApiModel
from llmgateway_api.references import CredentialReference
from llmgateway_api.scalars import Duration, FilePath, Maxmemory, Positive, Quantity, Url
from llmgateway_api.workload import Image

Amounts = Annotated[dict[str, Quantity], Field(max_length=16)]
MaxmemoryPolicy = Literal[
    "allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl",
    "noeviction",
]  # fmt: skip


class Resources(ApiModel):
    """Requests and limits of a container, as in Kubernetes."""

    requests: Amounts = Field(default_factory=dict)
    """What is set aside."""
    limits: Amounts = Field(default_factory=lambda: {"memory": Quantity("512Mi")})
    """What can't be exceeded."""


class Persistence(ApiModel):
    """Whether the managed store survives a restart."""

    mode: Literal["None", "RDB", "AOF"] = "None"
    """None: all in memory. RDB: snapshots. AOF: a log of every write."""
    size: Quantity = Quantity("1Gi")
    """Size of the volume; it may grow, never shrink."""
    storage_class_name: Annotated[str, StringConstraints(max_length=253)] = ""
    """Storage class of the volume; empty: the cluster's default."""


class ManagedStore(ApiModel):
    """A Valkey of the gateway's own, run by the operator."""

    maxmemory: Maxmemory = "auto"
    """What the data may fill. auto: the memory limit less 64Mi, divided by 1.25, or by 2 with persistence."""
    maxmemory_policy: MaxmemoryPolicy = "allkeys-lru"
    """What goes when it is full."""
    persistence: Persistence = Persistence()
    """Whether it survives a restart."""
    resources: Resources = Resources()
    """Requests and limits of the Valkey container."""
    image: Image = Image()
    """The Valkey image. Left out: the one that the operator was built with."""


class ExternalStore(ApiModel):
    """A Valkey or Redis that somebody else runs."""

    url: Url
    """redis://host:port/database, or rediss:// for TLS. Holds no password."""
    credential_ref: CredentialReference | None = None
    """The password. Left out: none."""


class LocalStore(ApiModel):
    """A file beside the gateway, for a gateway that stands alone."""

    path: FilePath = "/var/lib/llmgateway/state.db"
    """The SQLite file; it is made where it is missing."""


class StoreConnection(ApiModel):
    """How the gateway behaves towards a store that is slow or away."""

    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    """Tries of one command."""
    max_backoff: Duration = Duration("30s")
    """The longest pause between two tries to reconnect; they never end."""
    queue: Positive = 10000
    """Writes that are kept while the store is away; the oldest go first."""


class Store(ApiModel):
    """At most one of `managed`, `external` and `local`; none: in memory."""

    managed: ManagedStore | None = None
    """A Valkey of the gateway's own."""
    external: ExternalStore | None = None
    """A Valkey or Redis that somebody else runs."""
    local: LocalStore | None = None
    """A file beside the gateway."""
    connection: StoreConnection = StoreConnection()
    """When the store is slow or away."""
