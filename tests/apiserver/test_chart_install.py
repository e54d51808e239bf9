"""The charts on a real API server: install, upgrade, uninstall, and the operator under the permissions they grant."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.chart_cluster import CRDS, RELEASE, ChartCluster, cluster, control_plane_for_charts
from charts.helm_program import OPERATOR_CHART, RESOURCE_CHART, ROOT, HelmError, rendered_text
from support.kubectl import Kubectl, KubectlError, wait_until
from support.operator_gateways import refreshed_login, small_gateway
from support.operator_process import OperatorProcess

__all__ = ["cluster", "control_plane_for_charts"]  # fixtures
CHILDREN = "serviceaccounts,configmaps,services,secrets,deployments,poddisruptionbudgets,networkpolicies,roles,cronjobs"
BUSY = {
    "store": {"managed": {}},
    "availability": {"podDisruptionBudget": {"minAvailable": 1}},
    "observability": {"dashboard": True},
    "network": {"policy": {"enabled": True}},
}
LOGIN = refreshed_login(refresh={"enabled": True})
BOOTSTRAP = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bootstrap"}, "stringData": {"token": "x"}}


def condition(kubectl: Kubectl, type_: str, name: str = "demo") -> dict[str, Any]:
    found = kubectl.get("llmgateway", name).get("status", {}).get("conditions", [])
    return next((each for each in found if each["type"] == type_), {})


def refusals(operator: OperatorProcess) -> list[str]:
    """Lines of the log about what RBAC did not allow."""
    return [line for line in operator.log.read_text().splitlines() if re.search(r"HTTP 403|[Ff]orbidden", line)]


def served(kubectl: Kubectl) -> None:
    """Waits until the operator has applied everything of `demo`."""
    wait_until(lambda: condition(kubectl, "Accepted").get("status") == "True", 30, "the operator's answer")
    wait_until(lambda: kubectl.find("deployment", "demo-gateway"), 10, "the Deployment")


def children(kubectl: Kubectl) -> dict[str, Any]:
    """What the operator made, without what controllers and clocks add."""
    selector = "app.kubernetes.io/managed-by=llmgateway-operator"
    found = {f"{each['kind']}/{each['metadata']['name']}": each for each in kubectl.items(CHILDREN, selector=selector)}
    for each in found.values():
        each.pop("status", None)
        for field in ("resourceVersion", "managedFields"):
            each["metadata"].pop(field, None)
    return found


def test_the_api_server_takes_all_that_the_chart_can_render(cluster: ChartCluster) -> None:
    values = {"replicas": 2, "networkPolicy": {"enabled": True}, "monitoring": {"dashboards": {"enabled": True}}}
    text = rendered_text(OPERATOR_CHART, values, "--namespace", "llmgateway-system")
    cluster.system.run("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=text)
    assert not cluster.system.find("deployment", "demo-llmgateway-operator")


def test_an_installed_operator_serves_all_namespaces_with_the_charts_permissions(cluster: ChartCluster) -> None:
    cluster.install()
    selector = "app.kubernetes.io/name=llmgateway-operator"
    wait_until(lambda: cluster.system.items("pods", selector=selector), 20, "a pod that `restricted` admits")
    kubectl = cluster.namespace("anywhere")
    with cluster.operator() as operator:
        kubectl.apply(small_gateway(**BUSY))
        served(kubectl)
        assert len(children(kubectl)) >= 8
        kubectl.apply([LOGIN, BOOTSTRAP])
        wait_until(lambda: kubectl.find("cronjob", "login-refresh"), 30, "the credential's CronJob")
        assert kubectl.get("role", "login-refresh")["rules"]
        assert not refusals(operator)
    kubectl.delete("llmgateway", "demo")


def test_a_namespaced_operator_leaves_other_namespaces_alone(cluster: ChartCluster) -> None:
    watched, other = cluster.namespace("watched"), cluster.namespace("other")
    cluster.install({"watch": {"namespaces": ["watched"]}, "rbac": {"aggregate": False}})
    account = f"system:serviceaccount:llmgateway-system:{RELEASE}"
    with pytest.raises(KubectlError):
        other.run("auth", "can-i", "get", "secrets", "-n", "other", f"--as={account}")
    with cluster.operator() as operator:
        other.apply(small_gateway(**BUSY))
        watched.apply(small_gateway(**BUSY))
        served(watched)
        assert not refusals(operator)
    assert "status" not in other.get("llmgateway", "demo")
    for kubectl in (watched, other):
        kubectl.delete("llmgateway", "demo")


def test_users_with_edit_may_run_gateways_and_users_with_view_may_look(cluster: ChartCluster) -> None:
    cluster.install()
    kubectl = cluster.namespace("team")
    for role in ("view", "edit"):
        kubectl.run("create", "rolebinding", role, f"--clusterrole={role}", f"--user={role}", "-n", "team")
        allowed = ("auth", "can-i", "get", "llmgateways.llmgateway.dev", "-n", "team", f"--as={role}")
        wait_until(lambda command=allowed: _says_yes(kubectl, *command), 20, "the aggregation of roles")
    assert _says_yes(kubectl, "auth", "can-i", "create", "llmcredentials.llmgateway.dev", "-n", "team", "--as=edit")
    assert not _says_yes(kubectl, "auth", "can-i", "create", "llmgateways.llmgateway.dev", "-n", "team", "--as=view")


def _says_yes(kubectl: Kubectl, *command: str) -> bool:
    try:
        return kubectl.run(*command).strip() == "yes"
    except KubectlError:
        return False


@pytest.fixture
def previous_chart(tmp_path: Path) -> Path:
    """The chart as it was: an older version, whose CRD does not know `spec.cors` yet."""
    chart = tmp_path / "previous"
    shutil.copytree(OPERATOR_CHART, chart)
    meta = yaml.safe_load((chart / "Chart.yaml").read_text())
    (chart / "Chart.yaml").write_text(yaml.safe_dump(meta | {"version": "0.0.9", "appVersion": "0.0.9"}))
    crd = chart / "templates" / "crds" / "llmgateways.yaml"
    head, body = crd.read_text().split("\nspec:\n", 1)
    spec = yaml.safe_load("spec:\n" + body.removesuffix("{{- end }}\n"))
    fields = spec["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    assert fields.pop("cors")
    crd.write_text(f"{head}\n{yaml.safe_dump(spec, sort_keys=False)}{{{{- end }}}}\n")
    return chart


def test_an_upgrade_brings_new_crds_and_changes_no_child(cluster: ChartCluster, previous_chart: Path) -> None:
    cluster.install(chart=previous_chart)
    kubectl = cluster.namespace("upgraded")

    def outdated() -> bool:
        return "spec.cors" in condition(kubectl, "ConfigurationWarning").get("message", "")

    newer = small_gateway(**BUSY, cors={"allowOrigins": ["https://app.example"]})
    with cluster.operator():
        with pytest.raises(KubectlError, match="cors"):
            kubectl.apply(newer)
        kubectl.apply(small_gateway(**BUSY))
        served(kubectl)
        wait_until(outdated, 10, "the warning")
        before, generation = children(kubectl), kubectl.get("llmgateway", "demo")["metadata"]["generation"]
    cluster.upgrade()
    with cluster.operator() as operator:
        wait_until(lambda: operator.metric("llmgateway_operator_reconciliations_total") >= 1, 20, "a look at it")
        wait_until(lambda: not outdated(), 20, "the end of the warning")
        assert children(kubectl) == before
        assert kubectl.get("llmgateway", "demo")["metadata"]["generation"] == generation
        kubectl.apply(newer)
    assert kubectl.get("llmgateway", "demo")["spec"]["cors"] == {"allowOrigins": ["https://app.example"]}
    kubectl.delete("llmgateway", "demo")


def test_an_uninstalled_operator_leaves_gateways_and_a_second_one_takes_them_over(cluster: ChartCluster) -> None:
    cluster.install()
    kubectl = cluster.namespace("left")
    with cluster.operator():
        kubectl.apply(small_gateway(**BUSY))
        served(kubectl)
        before = children(kubectl)
    cluster.helm("uninstall", RELEASE)
    left = cluster.system.run(
        "get", "all,roles,rolebindings,poddisruptionbudgets,configmaps", "-n", "llmgateway-system"
    )
    assert "llmgateway" not in left.replace("llmgateway-system", "")
    for crd in CRDS:
        assert cluster.system.get("crd", crd)
    assert cluster.system.get("lease", RELEASE)
    assert children(kubectl) == before
    cluster.install()
    with cluster.operator() as operator:
        wait_until(lambda: operator.metric("llmgateway_operator_reconciliations_total") >= 1, 20, "a look at it")
        assert children(kubectl) == before
    kubectl.delete("llmgateway", "demo")
    wait_until(lambda: not children(kubectl), 30, "garbage collection")


def test_crds_of_somebody_else_are_refused_left_alone_or_taken_over(cluster: ChartCluster) -> None:
    cluster.system.run("apply", "--server-side", "-f", str(ROOT / "crds"), "--recursive")
    with pytest.raises(HelmError, match="cannot be imported"):
        cluster.install()
    cluster.install({"crds": {"enabled": False}})
    assert "annotations" not in cluster.system.get("crd", CRDS[0])["metadata"]
    cluster.helm("upgrade", RELEASE, str(OPERATOR_CHART), "--set", "crds.enabled=true", "--take-ownership")
    assert cluster.system.get("crd", CRDS[0])["metadata"]["annotations"]["meta.helm.sh/release-name"] == RELEASE


def test_the_resource_chart_owns_its_resources_and_nothing_else(cluster: ChartCluster) -> None:
    cluster.install()
    values = {
        "gateways": {"demo": {"spec": small_gateway()["spec"]}},
        "credentials": {"key": {"spec": {"type": "Static", "sourceRef": {"name": "k", "keys": {"accessToken": "a"}}}}},
    }
    cluster.helm("install", "models", str(RESOURCE_CHART), values=values)
    cluster.helm("upgrade", "models", str(RESOURCE_CHART), values=values)
    assert cluster.system.get("llmgateway", "demo")["metadata"]["generation"] == 1
    lost = {"name": "m", "backendRefs": [{"name": "nobody"}]}  # a rule between fields: only the API server has these
    wrong = {"demo": {"spec": {**small_gateway()["spec"], "models": [lost]}}}
    with pytest.raises(HelmError, match=r"spec\.models"):
        cluster.helm("upgrade", "models", str(RESOURCE_CHART), values={**values, "gateways": wrong})
    cluster.helm("uninstall", "models")
    assert not cluster.system.items("llmgateways,llmcredentials")
