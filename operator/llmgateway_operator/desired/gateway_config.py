"""The file that `llmgateway serve -f` reads in a pod: the LLMGateway and the LLMCredentials that its backends use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import yaml

from llmgateway_api import API_VERSION, LLMCredential, LLMGateway
from llmgateway_operator.cluster.kinds import CONFIG_MAP
from llmgateway_operator.desired.naming import STORE_PORT, Manifest, Owner
from llmgateway_operator.observe.observed import Observed

_DUMPER: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""The one in C is many times faster; not every platform's wheel has it."""
FILE: Final = "gateway.yaml"
DATA_PLANE_FIELDS: Final = (
    "backends",
    "models",
    "defaultModel",
    "unknownModels",
    "policy",
    "auth",
    "cors",
    "store",
    "availability",
    "observability",
)
"""What the data plane reads of the spec; a change elsewhere changes no file of a pod."""


def gateway_config(gateway: LLMGateway, observed: Observed, owner: Owner) -> Manifest:
    """The ConfigMap. Pods see its changes without a restart."""
    return owner.child(CONFIG_MAP, owner.gateway, "gateway", data={FILE: config_text(gateway, observed, owner)})


def config_text(gateway: LLMGateway, observed: Observed, owner: Owner) -> str:
    """The multi-document YAML, with defaults left to the reader as in the user's own file."""
    documents = [_gateway(gateway, owner), *_credentials(gateway, observed)]
    return str(yaml.dump_all(documents, Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=120))


def _gateway(gateway: LLMGateway, owner: Owner) -> Manifest:
    written = gateway.spec.as_document()
    spec: dict[str, Any] = {field: written[field] for field in DATA_PLANE_FIELDS if field in written}
    spec["backends"] = [_backend(each, gateway.metadata.name) for each in spec["backends"]]
    if gateway.spec.store.managed:
        spec["store"] = _store(written["store"], owner)
    return _document("LLMGateway", gateway.metadata.name, spec)


def _backend(backend: dict[str, Any], gateway: str) -> dict[str, Any]:
    if "oauth" not in backend:
        return backend
    reference = {"kind": "LLMCredential", "name": f"{gateway}-{backend['name']}"}
    return {**{key: value for key, value in backend.items() if key != "oauth"}, "credentialRef": reference}


def _store(written: dict[str, Any], owner: Owner) -> dict[str, Any]:
    external = {
        "url": f"redis://{owner.store}:{STORE_PORT}/0",
        "credentialRef": {"kind": "Secret", "name": owner.store, "key": "password"},
    }
    return {**{key: value for key, value in written.items() if key != "managed"}, "external": external}


def _credentials(gateway: LLMGateway, observed: Observed) -> Iterator[Manifest]:
    inline = {each.metadata.name: each for each in gateway.inline_credentials}
    for name in sorted(credential_names(gateway)):
        facts = observed.credentials.get(name)
        credential = inline.get(name) or (facts.credential if facts else None)
        if credential:
            yield _document("LLMCredential", name, _credential_spec(credential))


def credential_names(gateway: LLMGateway) -> frozenset[str]:
    """The LLMCredentials that the gateway reads."""
    references = [backend.credential(gateway.metadata.name) for backend in gateway.spec.backends]
    if gateway.spec.store.external:
        references.append(gateway.spec.store.external.credential_ref)
    return frozenset(each.name for each in references if each and each.kind == "LLMCredential")


def _credential_spec(credential: LLMCredential) -> dict[str, Any]:
    """Without what only concerns the one writer of the tokens: asking for a rotation changes no file of a pod."""
    written = credential.spec.as_document()
    return {key: value for key, value in written.items() if key not in ("refresh", "suspend")}


def _document(kind: str, name: str, spec: dict[str, Any]) -> Manifest:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}
