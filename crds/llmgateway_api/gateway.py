"""LLMGateway: the whole gateway as one resource, in a cluster and on a laptop alike."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from llmgateway_api.access import Auth, Cors
from llmgateway_api.api_model import BY_NAME, ApiModel, Many
from llmgateway_api.backends import Backend
from llmgateway_api.credential import LLMCredential
from llmgateway_api.exposure import Expose
from llmgateway_api.metadata import API_VERSION, ObjectMeta
from llmgateway_api.models import ServedModel
from llmgateway_api.policy import Policy
from llmgateway_api.scalars import FreeForm, Name
from llmgateway_api.status import GatewayStatus
from llmgateway_api.store import Store
from llmgateway_api.workload import Availability, CredentialsDelivery, Image, Network, Observability, Scaling


class LLMGatewaySpec(ApiModel):
    """What the gateway serves, to whom, and how it runs. Only `backends` is needed."""

    backends: Annotated[Many[Backend], Field(min_length=1, max_length=64), BY_NAME]
    """The model servers, by name."""
    models: Annotated[Many[ServedModel], Field(max_length=128), BY_NAME] = ()
    """The names that clients ask for. Left out: every model of every backend, under its own name."""
    default_model: Name | None = None
    """The model for names that nobody knows. Left out: the first of `models`, else the first that a backend serves."""
    unknown_models: Literal["Default", "Reject"] = "Default"
    """Default: unknown names lead to the default model. Reject: they get 404."""
    policy: Policy = Policy()
    """What happens between client and backend."""
    auth: Auth = Auth()
    """Who may call, and how much. Left out: everybody."""
    cors: Cors = Cors()
    """Which web pages may call."""
    store: Store = Store()
    """Where conversations and sessions are kept. Left out: in memory."""
    expose: Expose = Expose()
    """How clients outside the cluster reach the gateway. Left out: not at all."""
    scaling: Scaling = Scaling()
    """How many pods there are."""
    availability: Availability = Availability()
    """How pods leave."""
    credentials_delivery: CredentialsDelivery = CredentialsDelivery()
    """How credentials reach the pods."""
    network: Network = Network()
    """What may reach the pods, and what they may reach."""
    observability: Observability = Observability()
    """What is made for monitoring."""
    image: Image = Image()
    """The gateway's image. Left out: the one that the operator was built with."""
    pod_template: FreeForm = Field(default_factory=dict)
    """A pod template that is merged over the operator's own (strategic merge): the way out for everything else."""
    suspend: bool = False
    """True: no gateway pods run; everything else stays."""

    def backend(self, name: str) -> Backend:
        """The backend of that name. Raises KeyError."""
        for backend in self.backends:
            if backend.name == name:
                return backend
        raise KeyError(name)


class LLMGateway(ApiModel):
    """A gateway for large language models: any client dialect, any backend."""

    api_version: Literal["llmgateway.dev/v1alpha1"] = API_VERSION
    """Group and version."""
    kind: Literal["LLMGateway"] = "LLMGateway"
    """The kind."""
    metadata: ObjectMeta
    """Name, namespace, annotations."""
    spec: LLMGatewaySpec
    """What it serves."""
    status: GatewayStatus | None = None
    """What the operator saw last."""

    @property
    def inline_credentials(self) -> tuple[LLMCredential, ...]:
        """The LLMCredentials that backends with `oauth` stand for, named `<gateway>-<backend>`."""
        return tuple(
            LLMCredential(
                metadata=ObjectMeta(name=f"{self.metadata.name}-{backend.name}", namespace=self.metadata.namespace),
                spec=backend.oauth,
            )
            for backend in self.spec.backends
            if backend.oauth is not None
        )
