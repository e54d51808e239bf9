"""The values' schemas: what is wrong is refused before anything reaches a cluster, and nothing valid is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from charts.helm_program import CHARTS, OPERATOR_CHART, RESOURCE_CHART, ROOT, HelmError, rendered_text
from llmgateway_api.yaml_text import parse_yaml

CORPUS = ROOT / "tests" / "apiserver" / "crd_corpus"
ECHO = {"backends": [{"name": "e", "type": "Scripted"}]}


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"replica": 2}, "additional properties 'replica' not allowed"),
        ({"replicas": 3}, "at '/replicas': maximum: got 3, want 2"),
        ({"replicas": "2"}, "at '/replicas': got string, want integer"),
        ({"logLevel": "loud"}, "at '/logLevel'"),
        ({"image": {"repository": ""}}, "at '/image/repository'"),
        ({"image": {"digest": "sha256:short"}}, "at '/image/digest'"),
        ({"image": {"pullSecrets": ["name"]}}, "at '/image/pullSecrets/0'"),
        ({"defaultImages": {"gateway": "no-tag"}}, "at '/defaultImages/gateway'"),
        ({"watch": {"namespaces": "team-a"}}, "at '/watch/namespaces': got string, want array"),
        ({"watch": {"namespaces": ["Team"]}}, "at '/watch/namespaces/0'"),
        ({"crds": {"keep": "yes"}}, "at '/crds/keep'"),
        ({"networkPolicy": {"apiServerCIDRs": ["10.0.0.1"]}}, "at '/networkPolicy/apiServerCIDRs/0'"),
        ({"monitoring": {"serviceMonitor": {"interval": "often"}}}, "at '/monitoring/serviceMonitor/interval'"),
        ({"resources": {"limit": {}}}, "additional properties 'limit' not allowed"),
    ],
)
def test_wrong_values_of_the_operator_are_refused(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(HelmError) as refused:
        rendered_text(OPERATOR_CHART, values)
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"gateway": {}}, "additional properties 'gateway' not allowed"),
        ({"gateways": {"a": {}}}, "at '/gateways/a': missing property 'spec'"),
        ({"gateways": {"A": {"spec": ECHO}}}, "at '/gateways': additional properties 'A' not allowed"),
        ({"gateways": {"a": {"spec": {}}}}, "at '/gateways/a/spec': missing property 'backends'"),
        ({"gateways": {"a": {"spec": ECHO | {"typo": 1}}}}, "additional properties 'typo' not allowed"),
        (
            {"gateways": {"a": {"spec": {"backends": [{"name": "e", "type": "Openai"}]}}}},
            "at '/gateways/a/spec/backends/0/type'",
        ),
        ({"credentials": {"a": {"spec": {"type": "Static", "suspend": "no"}}}}, "at '/credentials/a/spec/suspend'"),
    ],
)
def test_wrong_resources_are_refused_with_their_path(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(HelmError) as refused:
        rendered_text(RESOURCE_CHART, values)
    assert complaint in str(refused.value)


@pytest.mark.parametrize("chart", CHARTS, ids=lambda each: each.name)
def test_a_chart_may_depend_on_it(chart: Path) -> None:
    assert rendered_text(chart, {"global": {"anything": "from the parent"}})


def test_each_default_has_its_place_in_the_schema_and_the_other_way_round() -> None:
    schema = json.loads((OPERATOR_CHART / "values.schema.json").read_text())
    values = yaml.safe_load((OPERATOR_CHART / "values.yaml").read_text())
    described = dict(_places(schema, ""))
    assert {path.split(".")[0] for path in described} - {"global"} == set(values)
    for path in described:
        assert path == "global" or path.startswith("affinity.") or _at(values, path) is not None, path


def _places(schema: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, each in schema.get("properties", {}).items():
        if "properties" in each:
            assert each["additionalProperties"] is False, name
            yield from _places(each, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", each


def _at(values: Any, path: str) -> Any:
    for part in path.split("."):
        values = values[part]
    return values


def corpus(folder: str, pattern: str = "*.yaml") -> list[Path]:
    return sorted((CORPUS / folder).glob(pattern))


def as_values(path: Path) -> dict[str, Any]:
    """The documents of the corpus as values of the chart."""
    values: dict[str, dict[str, Any]] = {"gateways": {}, "credentials": {}}
    for each in parse_yaml(path.read_text()):
        kind = {"LLMGateway": "gateways", "LLMCredential": "credentials"}[each["kind"]]
        values[kind][each["metadata"]["name"]] = {"spec": each["spec"]} if "spec" in each else {}
    return values


@pytest.fixture(scope="module")
def resource_schema() -> jsonschema.Draft7Validator:
    schema = json.loads((RESOURCE_CHART / "values.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


@pytest.mark.parametrize("path", corpus("accept"), ids=lambda each: each.stem)
def test_what_the_api_server_takes_the_chart_takes(path: Path, resource_schema: jsonschema.Draft7Validator) -> None:
    if path.stem == "fields-without-a-value":  # Helm gives `null` a meaning of its own: take the default away
        assert not resource_schema.is_valid(as_values(path))
    else:
        resource_schema.validate(as_values(path))


@pytest.mark.parametrize("path", corpus("reject", "schema.*.yaml"), ids=lambda each: each.stem)
def test_what_the_crds_schema_refuses_the_chart_refuses(
    path: Path, resource_schema: jsonschema.Draft7Validator
) -> None:
    assert not resource_schema.is_valid(as_values(path))
