"""Group, version and the part of Kubernetes' ObjectMeta that this project reads."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import ConfigDict, Field

from llmgateway_api.api_model import ApiModel
from llmgateway_api.scalars import DnsName

GROUP: Final = "llmgateway.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final[Literal["llmgateway.dev/v1alpha1"]] = "llmgateway.dev/v1alpha1"

RESTART_AT: Final = "llmgateway.dev/restart-at"
"""Annotation of an LLMGateway: a new value rolls its pods once."""
PAUSED: Final = "llmgateway.dev/paused"
"""Annotation of an LLMGateway: `true` keeps the operator's hands off."""
REFRESH_AT: Final = "llmgateway.dev/refresh-at"
"""Annotation of an LLMCredential: a new value asks for one rotation."""


class ObjectMeta(ApiModel):
    """Kubernetes' metadata; fields that nobody here reads are left out."""

    model_config = ConfigDict(extra="ignore")

    name: DnsName
    namespace: str | None = None
    uid: str | None = None
    generation: int | None = None
    resource_version: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
