"""Names of other objects. All references stay in the namespace of the object that holds them."""

from __future__ import annotations

from typing import Literal

from llmgateway_api.api_model import ApiModel
from llmgateway_api.scalars import DataKey, DnsLabel, DnsName, Port, UrlPath


class SecretReference(ApiModel):
    """A Secret of the same namespace."""

    name: DnsName
    """Name of the Secret."""


class SecretKeyReference(ApiModel):
    """One value in a Secret of the same namespace."""

    name: DnsName
    """Name of the Secret."""
    key: DataKey
    """The key in the Secret's data."""


class CredentialReference(ApiModel):
    """A credential: one value in a Secret, or the current token of an LLMCredential."""

    kind: Literal["Secret", "LLMCredential"] = "Secret"
    """What `name` names."""
    name: DnsName
    """Name of the Secret or LLMCredential."""
    key: DataKey | None = None
    """The key in the Secret's data; needed for kind Secret. Of an LLMCredential, left out: its access token."""


class ServiceReference(ApiModel):
    """A Service of the same namespace."""

    name: DnsLabel
    """Name of the Service."""
    port: Port
    """Port number of the Service."""
    path: UrlPath | None = None
    """Path of the base URL. Left out: `/v1` for OpenAI, VLLM, LlamaCpp and Ollama, none for the others."""
