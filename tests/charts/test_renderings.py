"""Both charts render what the golden files hold, the same bytes every time. GOLDEN_REFRESH=1 writes the files anew."""

from __future__ import annotations

import os
import re
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
import yaml

from charts.helm_program import CHARTS, OPERATOR_CHART, RESOURCE_CHART, ROOT, helm, rendered_text

GOLDEN = Path(__file__).parent / "golden"
EVERYTHING: dict[str, Any] = {
    "replicas": 2,
    "image": {
        "repository": "registry.example/operator",
        "digest": f"sha256:{'0' * 64}",
        "pullSecrets": [{"name": "pull"}],
    },
    "defaultImages": {"gateway": "registry.example/gateway:1", "valkey": "registry.example/valkey:8"},
    "serviceAccount": {"name": "robot", "annotations": {"a": "b"}},
    "extraArgs": ["--workers=1"],
    "extraEnv": [{"name": "TZ", "value": "UTC"}],
    "podLabels": {"team": "platform"},
    "podAnnotations": {"a": "b"},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "priorityClassName": "system-cluster-critical",
    "networkPolicy": {
        "enabled": True,
        "metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
        "apiServerCIDRs": ["10.0.0.1/32"],
    },
    "monitoring": {
        "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "prometheusRule": {"enabled": True, "runbooks": "https://runbooks.example"},
        "dashboards": {"enabled": True, "annotations": {"folder": "LLM"}},
    },
}
RULES = indent((OPERATOR_CHART / "files" / "rules.yaml").read_text(), "  ")
"""The operator's permissions as they are rendered: they are compared with their source elsewhere, as the CRDs are."""
WITHOUT_CRDS = {"crds": {"enabled": False}}


def production() -> dict[str, Any]:
    """The production example as values."""
    documents = list(yaml.safe_load_all((ROOT / "examples" / "production.yaml").read_text()))
    gateway = next(each for each in documents if each["kind"] == "LLMGateway")
    credential = {"type": "Static", "sourceRef": {"name": "key", "keys": {"accessToken": "api-key"}}}
    return {
        "gateways": {"production": {"spec": gateway["spec"], "annotations": {"llmgateway.dev/paused": "true"}}},
        "credentials": {"key": {"spec": credential, "labels": {"team": "b"}}},
        "commonLabels": {"team": "a"},
        "commonAnnotations": {"owner": "platform"},
    }


CASES: dict[str, tuple[Path, dict[str, Any]]] = {
    "operator-by-default": (OPERATOR_CHART, WITHOUT_CRDS),
    "operator-with-everything": (OPERATOR_CHART, EVERYTHING | WITHOUT_CRDS),
    "operator-in-two-namespaces": (OPERATOR_CHART, {"watch": {"namespaces": ["team-a", "team-b"]}} | WITHOUT_CRDS),
    "operator-with-somebody-elses-permissions": (
        OPERATOR_CHART,
        {"rbac": {"create": False, "aggregate": False}, "serviceAccount": {"create": False}} | WITHOUT_CRDS,
    ),
    "resources": (RESOURCE_CHART, production()),
    "no-resources": (RESOURCE_CHART, {}),
}


@pytest.mark.parametrize("case", CASES)
def test_a_chart_renders_its_golden_file(case: str) -> None:
    text = rendered_text(*CASES[case]).replace(RULES, "  (files/rules.yaml)\n")
    golden = GOLDEN / f"{case}.yaml"
    if os.environ.get("GOLDEN_REFRESH"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text()


@pytest.mark.parametrize("chart", CHARTS, ids=lambda each: each.name)
def test_helm_lint_finds_nothing(chart: Path) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(chart), "--kube-version", "1.35.4")


def test_two_renderings_with_everything_are_the_same_bytes() -> None:
    values = EVERYTHING | {"crds": {"enabled": True}}
    assert rendered_text(OPERATOR_CHART, values) == rendered_text(OPERATOR_CHART, values)


def test_an_upgrade_renders_what_an_install_renders() -> None:
    install, upgrade = (rendered_text(OPERATOR_CHART, EVERYTHING, *flags) for flags in ([], ["--is-upgrade"]))
    assert install == upgrade


@pytest.mark.parametrize("chart", CHARTS, ids=lambda each: each.name)
def test_no_template_reads_the_cluster_a_clock_or_a_random_source(chart: Path) -> None:
    drifting = re.compile(
        r"\b(lookup|now|date\w*|ago|rand\w+|uuidv4|gen\w+|derivePassword|htpasswd|bcrypt|getHostByName|tpl|env|expandenv)\b"
        r"|\.Capabilities|\.Release\.(IsInstall|IsUpgrade|Revision)"
    )
    for template in chart.glob("templates/**/*"):
        if template.is_file() and template.parent.name != "crds":
            actions = " ".join(re.findall(r"\{\{-?(?! */\*)(.*?)\}\}", template.read_text(), re.DOTALL))
            words = re.sub(r'"[^"]*"', "", actions)
            assert not drifting.search(words), f"{template.name}: {drifting.search(words)}"


def test_large_numbers_stay_whole() -> None:
    spec = {"backends": [{"name": "e", "type": "Scripted"}], "policy": {"requests": {"maxBodyBytes": 33554432}}}
    assert "maxBodyBytes: 33554432\n" in rendered_text(RESOURCE_CHART, {"gateways": {"a": {"spec": spec}}})
