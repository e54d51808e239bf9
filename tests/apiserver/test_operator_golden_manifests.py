"""A real API server judges the golden manifests: every field known, every value allowed, Pod Security `restricted`."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from support.golden_manifests import cases, expected_of, title
from support.kubectl import Kubectl
from support.operator_process import install_crds
from support.shared_control_plane import SharedControlPlane

OTHERS_KINDS = ("HTTPRoute", "ServiceMonitor", "PrometheusRule")
"""Of CRDs that are not installed here."""


@pytest.fixture
def restricted(control_plane: SharedControlPlane, kubectl: Kubectl) -> Kubectl:
    install_crds(control_plane.kubeconfig)
    label = "pod-security.kubernetes.io/enforce=restricted"
    kubectl.run("label", "namespace", kubectl.namespace, label, label.replace("enforce", "warn"))
    return kubectl


def test_the_api_server_takes_all_golden_manifests(restricted: Kubectl) -> None:
    manifests = [each for case in cases() for each in expected_of(case) if each["kind"] not in OTHERS_KINDS]
    for each in manifests:
        each["metadata"] |= {"namespace": restricted.namespace}
    flags = ("--server-side", "--dry-run=server", "--validate=strict", "--warnings-as-errors")
    restricted.run("apply", *flags, "-n", restricted.namespace, "-f", "-", stdin=yaml.safe_dump_all(manifests))


JUDGED = [each for each in cases() if "lone-scripted" in each.name or "agent" in each.name]


@pytest.mark.parametrize("case", JUDGED, ids=title)
def test_pods_pass_pod_security_restricted(restricted: Kubectl, case: Path) -> None:
    """Dry runs of Deployments only warn: the pods themselves are what is judged."""
    for manifest in expected_of(case):
        if manifest["kind"] == "Deployment":
            template = manifest["spec"]["template"]
            del template["spec"]["serviceAccountName"]
            pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "judged"}, "spec": template["spec"]}
            flags = ("--dry-run=server", "-n", restricted.namespace, "-f", "-")
            restricted.run("create", *flags, stdin=yaml.safe_dump(pod))
