"""The configuration that the gateway runs on: one LLMGateway with the documents beside it, parsed and checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from llmgateway_api.credential import LLMCredential
from llmgateway_api.documents import ApiError, load_documents
from llmgateway_api.gateway import LLMGateway

EMBEDDED_DEFAULT = """\
apiVersion: llmgateway.dev/v1alpha1
kind: LLMGateway
metadata: {name: default}
spec:
  backends:
    - {name: scripted, type: Scripted}
  models:
    - name: scripted
      aliases: ["*"]
      backendRefs: [{name: scripted, model: scripted}]
    - name: scripted-slow
      backendRefs: [{name: scripted}]
"""
"""What `llmgateway serve` serves without -f: no key, no network, no store."""

SecretDocuments = Mapping[str, Mapping[str, bytes]]


class InvalidConfiguration(ValueError):
    """The file can't be used; `errors` says what is wrong and where, without any secret value."""

    def __init__(self, errors: list[ApiError]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = errors


class Configuration(Struct, frozen=True):
    """One valid file."""

    gateway: LLMGateway
    credentials: Mapping[str, LLMCredential]
    secrets: SecretDocuments


def read_configuration(file: Path | None) -> Configuration:
    """The file (or the embedded default), validated. Raises InvalidConfiguration and OSError."""
    return parse_configuration(EMBEDDED_DEFAULT if file is None else file.read_text(encoding="utf-8"))


def parse_configuration(text: str) -> Configuration:
    """One or more YAML documents, exactly one of them an LLMGateway. Raises InvalidConfiguration."""
    loaded = load_documents(text)
    gateway = loaded.gateway
    if loaded.errors or gateway is None:
        raise InvalidConfiguration(list(loaded.errors) or [ApiError("", "the file must hold one LLMGateway")])
    credentials = {each.metadata.name: each for each in (*loaded.credentials, *gateway.inline_credentials)}
    return Configuration(gateway, credentials, {secret.name: secret.data for secret in loaded.secrets})
