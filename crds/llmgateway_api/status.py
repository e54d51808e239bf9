"""What the operator reports. Nothing in a status changes with the clock alone."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field, StringConstraints

from llmgateway_api.api_model import BY_NAME, ApiModel, Many
from llmgateway_api.scalars import Timestamp

Word = Annotated[str, StringConstraints(max_length=316)]
BY_TYPE: Final = Field(json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]})
Sentence = Annotated[str, StringConstraints(max_length=32768)]


class StatusModel(ApiModel):
    """Status types ignore what they do not know: a newer operator may have written it."""

    model_config = ConfigDict(extra="ignore")


class Condition(StatusModel):
    """One aspect of the object, as `metav1.Condition`."""

    type: Word
    """Accepted, ResolvedRefs, CredentialsReady, StoreReady, RouteReady, Ready, and only while true Reconciling,
    Stalled, ConfigurationWarning."""
    status: Literal["True", "False", "Unknown"]
    """Whether it is so."""
    reason: Annotated[str, StringConstraints(max_length=1024)]
    """Why, in one word of a closed list."""
    message: Sentence = ""
    """Why, in a sentence that names the object and the field."""
    last_transition_time: Timestamp
    """When `status` last changed."""
    observed_generation: Annotated[int, Field(ge=0)] | None = None
    """The generation of the spec that this was seen on."""


class BackendStatus(StatusModel):
    """One backend as the operator resolved it."""

    name: Word
    """The backend's name in the spec."""
    type: Word
    """The backend's type."""
    url: Annotated[str, StringConstraints(max_length=2048)] = ""
    """The base URL in use; empty for Scripted."""
    credential: Word = ""
    """`Secret/<name>` or `LLMCredential/<name>`, empty where none is used."""
    ready: bool = False
    """Whether everything that the backend refers to was found."""


class StoreStatus(StatusModel):
    """Where conversations and sessions live."""

    type: Literal["Memory", "Managed", "External", "Local"] = "Memory"
    """Which kind of store."""
    ready: bool = False
    """Whether it is up."""
    maxmemory: Word = ""
    """The memory that the managed store may fill, in bytes, after `auto` was resolved."""


class GatewayStatus(StatusModel):
    """What the operator saw last."""

    observed_generation: int = -1
    """The generation of the spec that this status is about; -1: not looked at yet."""
    conditions: Annotated[Many[Condition], BY_TYPE] = ()
    """Aspects of the gateway, by type."""
    url: Annotated[str, StringConstraints(max_length=2048)] | None = None
    """Where clients reach the gateway."""
    replicas: int | None = None
    """Pods that exist."""
    ready_replicas: int | None = None
    """Pods that answer."""
    selector: Word | None = None
    """Label selector of the pods, for autoscalers."""
    backends: Annotated[Many[BackendStatus], BY_NAME] = ()
    """The backends, by name."""
    models: Annotated[Many[Word], Field(max_length=1024)] = ()
    """Names that clients can ask for."""
    store: StoreStatus | None = None
    """Where conversations and sessions live."""
    revision: Word | None = None
    """SHA-256 of what the pods read."""


class CredentialStatus(StatusModel):
    """What the operator saw last."""

    observed_generation: int = -1
    """The generation of the spec that this status is about; -1: not looked at yet."""
    conditions: Annotated[Many[Condition], BY_TYPE] = ()
    """Aspects of the credential, by type."""
    expires_at: Timestamp | None = None
    """When the current access token ends."""
    last_refresh_time: Timestamp | None = None
    """When tokens were last written."""
    next_refresh_time: Timestamp | None = None
    """When the refresh program looks next."""
    consecutive_failures: int | None = None
    """Refreshes that failed since the last success."""
    revision: int | None = None
    """Counts the rotations of this token family."""
    source_hash: Word | None = None
    """SHA-256 of the bootstrap Secret's data that the family began with."""
