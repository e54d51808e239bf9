"""What the operator's chart says agrees with the operator: flags, permissions, CRDs, metrics, runbooks."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.helm_program import OPERATOR_CHART, ROOT, of_kind, rendered
from llmgateway.telemetry.metrics import Metrics
from llmgateway_operator.command_line import parser, settings_of
from llmgateway_operator.desired.alerts import ALERTS
from llmgateway_operator.permissions import lease_rules, rules
from llmgateway_operator.settings import ProcessSettings

RUNBOOKS = ROOT / "docs" / "runbooks"
MONITORED = {"monitoring": {"prometheusRule": {"enabled": True}, "dashboards": {"enabled": True}}}


def container(values: dict[str, Any]) -> dict[str, Any]:
    (deployment,) = of_kind(rendered(OPERATOR_CHART, values), "Deployment")
    found: dict[str, Any] = deployment["spec"]["template"]["spec"]["containers"][0]
    return found


def test_the_generated_files_are_fresh() -> None:
    command = [sys.executable, "charts/generate.py", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_default_arguments_are_the_operators_own_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POD_NAMESPACE", "system")
    settings, own = settings_of(parser().parse_args(container({})["args"])), ProcessSettings()
    for name in ("lease_duration", "renew_deadline", "retry_period", "health_port", "resync", "workers", "defaults"):
        assert getattr(settings, name) == getattr(own, name), name
    assert (settings.namespaces, settings.lease_namespace) == ((), "system")


def test_the_values_reach_the_operators_flags() -> None:
    images = {"gateway": "registry.example/gateway:1", "valkey": "registry.example/valkey:8"}
    values = {
        "watch": {"namespaces": ["a", "b"]},
        "defaultImages": images,
        "logLevel": "debug",
        "extraArgs": ["--workers=3"],
    }
    flags = parser().parse_args(container(values)["args"])
    assert flags.namespace == ["a", "b"]
    assert (flags.gateway_image, flags.valkey_image) == (images["gateway"], images["valkey"])
    assert (flags.log_level, flags.workers, flags.lease_name) == ("debug", 3, "demo-llmgateway-operator")


def test_the_cluster_wide_role_holds_the_operators_rules_and_no_more() -> None:
    documents = rendered(OPERATOR_CHART, {"rbac": {"aggregate": False}})
    (role,) = of_kind(documents, "ClusterRole")
    assert role["rules"] == rules()
    (lease,) = of_kind(documents, "Role")
    assert lease["rules"] == lease_rules("demo-llmgateway-operator")
    assert lease["metadata"]["namespace"] == "system"


def test_watched_namespaces_get_a_role_each_and_nothing_is_cluster_wide() -> None:
    values = {"watch": {"namespaces": ["a", "b"]}, "rbac": {"aggregate": False}, "crds": {"enabled": False}}
    documents = rendered(OPERATOR_CHART, values)
    assert not [each["kind"] for each in documents if each["kind"].startswith("Cluster")]
    roles = {each["metadata"]["namespace"]: each["rules"] for each in of_kind(documents, "Role")}
    assert roles["a"] == roles["b"] == rules()
    for binding in of_kind(documents, "RoleBinding"):
        account = {"kind": "ServiceAccount", "name": "demo-llmgateway-operator", "namespace": "system"}
        assert binding["subjects"] == [account]


def test_the_crds_are_the_projects_own_and_outlive_the_release() -> None:
    installed = {
        each["metadata"]["name"]: each for each in of_kind(rendered(OPERATOR_CHART, {}), "CustomResourceDefinition")
    }
    for path in sorted((ROOT / "crds").glob("*.yaml")):
        crd = yaml.safe_load(path.read_text())
        found = installed.pop(crd["metadata"]["name"])
        assert found["spec"] == crd["spec"]
        assert found["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert not installed


def test_the_crds_can_be_left_out_or_bound_to_the_release() -> None:
    bound = of_kind(rendered(OPERATOR_CHART, {"crds": {"keep": False}}), "CustomResourceDefinition")
    assert len(bound) == 2
    assert all("annotations" not in each["metadata"] for each in bound)
    assert not of_kind(rendered(OPERATOR_CHART, {"crds": {"enabled": False}}), "CustomResourceDefinition")


def test_an_upgrade_of_the_chart_alone_names_no_image_for_gateways() -> None:
    assert not [each for each in container({})["args"] if "image" in each]


def alert_names() -> set[str]:
    own = yaml.safe_load((OPERATOR_CHART / "files" / "alerts.yaml").read_text())["alerts"]
    return {each["name"] for each in own} | {each.name for each in ALERTS}


def test_each_alert_has_a_runbook_and_each_runbook_an_alert() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == alert_names()


@pytest.mark.parametrize("name", sorted(alert_names()))
def test_a_runbook_says_what_it_means_how_to_look_and_what_to_do(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n")
    assert [part for part in ("## Meaning", "## Look", "## Do") if part not in text] == []


def test_the_alerts_link_their_runbooks() -> None:
    (rule,) = of_kind(rendered(OPERATOR_CHART, MONITORED), "PrometheusRule")
    for each in rule["spec"]["groups"][0]["rules"]:
        assert (ROOT / each["annotations"]["runbook_url"]).is_file()


def expressions() -> Iterator[str]:
    documents = rendered(OPERATOR_CHART, MONITORED)
    (rule,), (dashboard,) = of_kind(documents, "PrometheusRule"), of_kind(documents, "ConfigMap")
    yield from (each["expr"] for each in rule["spec"]["groups"][0]["rules"])
    panels = json.loads(next(iter(dashboard["data"].values())))["panels"]
    yield from (target["expr"] for panel in panels for target in panel["targets"])


def test_alerts_and_dashboard_ask_for_metrics_that_exist() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "operator" / "llmgateway_operator").rglob("*.py"))
    known = set(re.findall(r'"(llmgateway_operator_\w+)"', sources))
    known |= set(re.findall(r"^# HELP (\w+)", Metrics().exposition().decode(), re.MULTILINE))
    asked = {name for each in expressions() for name in re.findall(r"\bllmgateway_\w+", re.sub(r'"[^"]*"', "", each))}
    assert asked
    assert asked <= known, asked - known


def test_the_chart_has_the_projects_version() -> None:
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    for chart in ("llmgateway-operator", "llmgateway"):
        meta = yaml.safe_load(Path(ROOT, "charts", chart, "Chart.yaml").read_text())
        assert version
        assert meta["appVersion"] == version[1]
