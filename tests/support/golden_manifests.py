"""The cases of tests/golden/manifests: a gateway, what was observed, and the manifests that must come of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from llmgateway_api import LLMCredential, LLMGateway, parse_credential, parse_gateway
from llmgateway_operator.desired.manifests import desired_manifests
from llmgateway_operator.observe.observed import CredentialFacts, Observed, SecretFacts, StorePasswords
from llmgateway_operator.observe.observed import secret_facts as facts_of
from llmgateway_operator.settings import Defaults

FOLDER = Path(__file__).parents[1] / "golden" / "manifests"
UID = "11111111-2222-3333-4444-555555555555"
Document = dict[str, Any]


def cases() -> list[Path]:
    return sorted(each.parent for each in FOLDER.glob("*/gateway.yaml"))


def title(case: Path) -> str:
    return case.name.replace("-", " ")


def gateway_of(case: Path) -> LLMGateway:
    parsed = parse_gateway(_read(case / "gateway.yaml"))
    assert isinstance(parsed, LLMGateway), parsed
    return parsed


def observed_of(case: Path) -> Observed:
    """The words of observed.yaml: secrets, credentials, passwords, fresh, claimed, optionalKinds."""
    seen = _read(case / "observed.yaml")
    gateway = gateway_of(case)
    claim = {"spec": {"resources": {"requests": {"storage": seen.get("claimed")}}}}
    return Observed(
        namespace="team",
        name=gateway.metadata.name,
        uid=UID,
        generation=1,
        annotations=gateway.metadata.annotations,
        secrets={name: _facts(values) for name, values in seen.get("secrets", {}).items()},
        credentials={name: _credential(name, spec) for name, spec in seen.get("credentials", {}).items()},
        claim=claim if "claimed" in seen else None,
        passwords=StorePasswords(**seen["passwords"]) if "passwords" in seen else None,
        fresh_password=seen.get("fresh", "fresh"),
        optional_kinds=frozenset(seen.get("optionalKinds", ())),
    )


def manifests_of(case: Path) -> list[Document]:
    return desired_manifests(gateway_of(case), observed_of(case), Defaults())


def expected_of(case: Path) -> list[Document]:
    return list(_documents(case / "expected.yaml"))


def write_expected(case: Path) -> None:
    """Texts of several lines as blocks, nothing by reference: for eyes."""
    plain = json.loads(json.dumps(manifests_of(case)))
    (case / "expected.yaml").write_text(yaml.dump_all(plain, Dumper=_Readable, sort_keys=False, width=110))


class _Readable(yaml.SafeDumper):
    """Block style for texts of several lines."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Readable.add_representer(str, _text)


def _facts(values: Mapping[str, str]) -> SecretFacts:
    return facts_of({"data": {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}})


def _credential(name: str, spec: Document) -> CredentialFacts:
    document = {"apiVersion": "llmgateway.dev/v1alpha1", "kind": "LLMCredential", "metadata": {"name": name}}
    parsed = parse_credential({**document, "spec": spec})
    assert isinstance(parsed, LLMCredential), parsed
    return CredentialFacts(parsed, ready=True, message="")


def _documents(path: Path) -> Iterator[Document]:
    yield from yaml.safe_load_all(path.read_text())


def _read(path: Path) -> Document:
    document: Document = yaml.safe_load(path.read_text())
    return document
