"""What is generated from the types is checked in and fresh."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmgateway_api import LLMCredential, LLMGateway
from llmgateway_api.api_model import ApiModel, wire_name
from llmgateway_api.custom_resource_definitions import credential_definition, gateway_definition
from llmgateway_api.generate import generated_files, main, stale_files
from llmgateway_api.rules import RULES
from llmgateway_api.structural_schema import descriptions, types_of

TYPES = {**types_of(LLMGateway), **types_of(LLMCredential)}


def test_the_generated_files_are_fresh() -> None:
    assert stale_files() == [], "run `make generate`"
    assert main(["--check"]) == 0


def test_a_stale_or_missing_file_is_found(tmp_path: Path) -> None:
    for path, text in generated_files().items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_text(text)
    assert stale_files(tmp_path) == []
    (tmp_path / "docs/api-reference.md").unlink()
    (tmp_path / "crds/llmgateway.dev_llmgateways.yaml").write_text("old")
    assert stale_files(tmp_path) == ["crds/llmgateway.dev_llmgateways.yaml", "docs/api-reference.md"]


def _nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, value in schema.get("properties", {}).items():
        yield from _nodes(value, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if isinstance(schema.get(inner), dict):
            yield from _nodes(schema[inner], f"{path}[]")


def _spec_nodes() -> list[tuple[str, dict[str, Any]]]:
    nodes = []
    for definition in (gateway_definition(), credential_definition()):
        schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        nodes += list(_nodes(schema["properties"]["spec"], f"{definition['spec']['names']['kind']}.spec"))
    return nodes


def test_everything_in_a_spec_is_bounded() -> None:
    for path, node in _spec_nodes():
        if node.get("type") == "string" and "enum" not in node:
            assert "maxLength" in node, path
        if node.get("type") == "array":
            assert "maxItems" in node, path
        if "additionalProperties" in node:
            assert "maxProperties" in node, path


def test_only_free_form_parts_keep_unknown_fields() -> None:
    free = {path for path, node in _spec_nodes() if node.get("x-kubernetes-preserve-unknown-fields")}
    assert free == {"LLMGateway.spec.podTemplate", "LLMGateway.spec.network.policy.ingressFrom[]"}


def test_the_number_of_pods_is_the_only_default_of_a_spec() -> None:
    defaults = {path: node["default"] for path, node in _spec_nodes() if "default" in node}
    assert defaults == {"LLMGateway.spec.scaling": {"replicas": 1}, "LLMGateway.spec.scaling.replicas": 1}


def test_every_rule_stands_in_the_schema() -> None:
    written = {each["rule"] for path, node in _spec_nodes() for each in node.get("x-kubernetes-validations", ())}
    for definition in (gateway_definition(), credential_definition()):
        root = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        written |= {each["rule"] for each in root["x-kubernetes-validations"]}
    assert written == {rule.cel for rules in RULES.values() for rule in rules if rule.cel}


@pytest.mark.parametrize("of", TYPES.values(), ids=lambda of: of.__name__)
def test_every_field_has_a_description(of: type[ApiModel]) -> None:
    if of.__name__ != "ObjectMeta":
        assert set(descriptions(of)) == {wire_name(field) for field in of.model_fields}
    assert of.__doc__


@pytest.mark.parametrize(
    ("attribute", "wire"),
    [
        ("max_body_bytes", "maxBodyBytes"), ("jwks_url", "jwksURL"), ("token_url", "tokenURL"),
        ("client_id", "clientID"), ("egress_cidrs", "egressCIDRs"), ("target_cpu", "targetCPU"), ("url", "url"),
        ("ca_secret_ref", "caSecretRef"), ("http_route", "httpRoute"),
    ],
)  # fmt: skip
def test_wire_names_are_those_of_the_interface(attribute: str, wire: str) -> None:
    assert wire_name(attribute) == wire
