"""Models: the names that clients ask for and the backends that serve them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from llmgateway_api.api_model import AS_SET, BY_NAME, ApiModel, Many
from llmgateway_api.scalars import Count, DnsLabel, Name, Positive


class BackendReference(ApiModel):
    """One backend that serves a model."""

    name: DnsLabel
    """Name of a backend in `spec.backends`."""
    model: Name | None = None
    """What the backend calls the model. Left out: the name that the client asked for."""
    weight: Annotated[int, Field(ge=0, le=1000000)] = 1
    """Its part of the requests, compared with the others of the same priority; 0: none."""
    priority: Count = 0
    """The lowest number is tried first; the next one when no backend of it is left."""


class ModelDefaults(ApiModel):
    """What counts where the client's request says nothing."""

    thinking: Literal["Disabled", "Enabled"] = "Disabled"
    """Whether a model that has a switch thinks."""
    max_tokens: Positive | None = None
    """Limit of the answer in tokens. Left out: what the room in the window gives (`policy.output`)."""


class ServedModel(ApiModel):
    """One name and where it leads."""

    name: Name
    """The name that clients ask for."""
    aliases: Annotated[Many[Name], Field(max_length=16), AS_SET] = ()
    """More names that lead here; shell-style patterns are allowed (`claude-*`)."""
    backend_refs: Annotated[Many[BackendReference], Field(min_length=1, max_length=16), BY_NAME]
    """The backends that serve it."""
    defaults: ModelDefaults = ModelDefaults()
    """What counts where the client's request says nothing."""
