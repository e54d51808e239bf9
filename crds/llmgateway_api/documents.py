"""Documents as users write them: YAML with one LLMGateway and, beside it, LLMCredentials and Secrets."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from llmgateway_api.api_model import ApiModel
from llmgateway_api.credential import LLMCredential
from llmgateway_api.gateway import LLMGateway
from llmgateway_api.metadata import API_VERSION, GROUP
from llmgateway_api.sentences import sentences
from llmgateway_api.yaml_text import YamlError, parse_yaml

Resource = TypeVar("Resource", bound=ApiModel)

_FREE_FORM: Final = ("podTemplate", "ingressFrom")


@dataclass(frozen=True)
class ApiError:
    """One thing that is wrong: where, and a sentence that holds no secret."""

    path: str
    """Field path such as `spec.backends[0].type`; empty: the document as a whole."""
    message: str
    document: str = ""
    """`LLMGateway/demo`; empty: the file as a whole."""

    def __str__(self) -> str:
        return ": ".join(part for part in (self.document, self.path, self.message) if part)


@dataclass(frozen=True)
class SecretDocument:
    """A Kubernetes Secret; its values stay out of every repr."""

    name: str
    data: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True)
class Documents:
    """What a file holds. `errors` is complete: every error of every document; valid documents are there beside it."""

    gateway: LLMGateway | None = None
    credentials: tuple[LLMCredential, ...] = ()
    secrets: tuple[SecretDocument, ...] = ()
    ignored: tuple[str, ...] = ()
    """Documents of other kinds, as `Deployment/vllm`."""
    errors: tuple[ApiError, ...] = ()


def load_documents(text: str) -> Documents:
    """Parses a YAML file; never raises on what the text holds.

    Rules between fields are judged where the fields themselves are right, as by the API server.
    """
    try:
        parsed = [document for document in parse_yaml(text) if document is not None]
    except YamlError as error:
        return Documents(errors=(ApiError("", str(error)),))
    results = [_load(document) for document in parsed]
    values = [result for result in results if not isinstance(result, list)]
    errors = [error for result in results if isinstance(result, list) for error in result]
    gateways = [value for value in values if isinstance(value, LLMGateway)]
    if not parsed:
        errors.append(ApiError("", "holds no document: an LLMGateway is expected"))
    if sum(_kind_of(document) == "LLMGateway" for document in parsed) > 1:
        errors.append(ApiError("", "holds more than one LLMGateway: keep one"))
    return Documents(
        gateway=gateways[0] if gateways else None,
        credentials=tuple(value for value in values if isinstance(value, LLMCredential)),
        secrets=tuple(value for value in values if isinstance(value, SecretDocument)),
        ignored=tuple(value for value in values if isinstance(value, str)),
        errors=tuple(errors),
    )


def parse_gateway(document: Mapping[str, Any]) -> LLMGateway | list[ApiError]:
    """The typed form of one LLMGateway document, or everything that is wrong with it."""
    return _parse(LLMGateway, document)


def parse_credential(document: Mapping[str, Any]) -> LLMCredential | list[ApiError]:
    """The typed form of one LLMCredential document, or everything that is wrong with it."""
    return _parse(LLMCredential, document)


def _load(document: object) -> LLMGateway | LLMCredential | SecretDocument | str | list[ApiError]:
    if not isinstance(document, dict):
        return [ApiError("", "is no object: a document begins with apiVersion, kind and metadata")]
    kind, version = _kind_of(document), document.get("apiVersion")
    title = title_of(document)
    if kind == "Secret" and version == "v1":
        return _secret(document, title)
    if kind == "LLMGateway":
        return _parse(LLMGateway, document)
    if kind == "LLMCredential":
        return _parse(LLMCredential, document)
    if not kind or not isinstance(version, str):
        return [ApiError("", "needs apiVersion and kind", title)]
    if version.startswith(f"{GROUP}/"):
        return [ApiError("kind", f"must be one of LLMGateway, LLMCredential in {API_VERSION}", title)]
    return title


def title_of(document: Mapping[str, Any]) -> str:
    """`LLMGateway/demo`."""
    metadata = document.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return f"{_kind_of(document) or 'document'}/{name if isinstance(name, str) else '?'}"


def _kind_of(document: object) -> str:
    kind = document.get("kind") if isinstance(document, dict) else None
    return kind if isinstance(kind, str) else ""


def _parse(of: type[Resource], document: Mapping[str, Any]) -> Resource | list[ApiError]:
    title = title_of(document)
    errors = [ApiError("apiVersion", f"is required: {API_VERSION}", title)] * ("apiVersion" not in document)
    try:
        resource = of.parse(_without_empty_fields(document))
    except ValidationError as error:
        return errors + [ApiError(path, message, title) for path, message in sentences(error)]
    except (TypeError, ValueError):
        return [ApiError("", "holds values that JSON does not have, such as .nan or !!binary", title)]
    return errors or resource


def _without_empty_fields(value: Any) -> Any:
    """A field that is written without a value counts as left out, as for the API server; free-form parts are kept."""
    if isinstance(value, dict):
        return {
            key: entry if key in _FREE_FORM else _without_empty_fields(entry)
            for key, entry in value.items()
            if entry is not None
        }
    return [_without_empty_fields(entry) for entry in value] if isinstance(value, list) else value


def _secret(document: Mapping[str, Any], title: str) -> SecretDocument | list[ApiError]:
    values: dict[str, bytes] = {}
    errors: list[ApiError] = []
    for section, decode, sentence in _SECTIONS:
        entries = document.get(section) or {}
        if not isinstance(entries, dict):
            errors.append(ApiError(section, "must be an object with fields", title))
            continue
        for key, value in entries.items():
            if (decoded := decode(value)) is None:
                errors.append(ApiError(f"{section}.{key}", sentence, title))
            else:
                values[str(key)] = decoded
    if title.endswith("/?"):
        errors.append(ApiError("metadata.name", "is required", title))
    return errors or SecretDocument(title.partition("/")[2], values)


def _from_base64(value: object) -> bytes | None:
    try:
        return base64.b64decode("".join(value.split()), validate=True) if isinstance(value, str) else None
    except binascii.Error:
        return None


def _from_string(value: object) -> bytes | None:
    return value.encode() if isinstance(value, str) else None


_SECTIONS: Final = (
    ("data", _from_base64, "must be base64; plain text goes under stringData"),
    ("stringData", _from_string, "must be a string: put it in quotes"),
)
