"""The commands of the admin documents, run in an admin's order: each ```bash block must succeed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from charts.chart_cluster import CRDS, ChartCluster, cluster, control_plane_for_charts
from charts.helm_program import ROOT
from support.kubernetes_binaries import binary

__all__ = ["cluster", "control_plane_for_charts"]  # fixtures
STORY = ("install", "security", "troubleshooting", "backup", "upgrade", "uninstall")
DOCUMENTS = (*STORY, "gitops", "capability-levels")


class Shell:
    """bash in the checkout, with kubectl, helm and the plugin on the path as users have them."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        assert shutil.which("jq"), "docs/backup.md uses jq: install it (the `jq` package)"
        for name in ("kubectl", "helm"):
            (folder / name).symlink_to(binary(name))
        plugin = folder / "kubectl-llmgateway"
        plugin.write_text(f'#!/bin/sh\nexec {sys.executable} -m kubectl_llmgateway "$@"\n')
        plugin.chmod(0o755)
        packages = f"{ROOT}/operator:{ROOT}/crds"
        path = f"{folder}:{os.environ['PATH']}"
        own = {"PATH": path, "KUBECONFIG": str(kubeconfig), "PYTHONPATH": packages, "HOME": str(folder)}
        self._environment = {**os.environ, **own}

    def run(self, script: str) -> str:
        """What it prints. Fails with the commands and their errors."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout


def blocks(document: str) -> list[str]:
    return re.findall(r"^```bash\n(.*?)^```", (ROOT / "docs" / f"{document}.md").read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def shell(cluster: ChartCluster, tmp_path: Path) -> Shell:
    folder = tmp_path / "bin"
    folder.mkdir()
    cluster.system.delete("namespace", "llmgateway-system", None, "--wait")  # the documents make it
    return Shell(cluster.kubeconfig, folder)


def test_the_documents_commands_work_from_install_to_uninstall(shell: Shell, cluster: ChartCluster) -> None:
    first, *others = blocks("install")
    shell.run(first)
    with cluster.operator() as operator:
        for script in [*others, *(each for name in STORY[1:-1] for each in blocks(name))]:
            shell.run(script)
        assert "hello" in shell.run("cat ~/llmgateway-backup.json")
        *gateways, release, crds = blocks("uninstall")
        for script in gateways:
            shell.run(script)
        assert "orbidden" not in operator.log.read_text()
    shell.run(release)
    assert all(cluster.system.find("crd", name) for name in CRDS)
    shell.run(crds)
    assert not any(cluster.system.find("crd", name) for name in CRDS)


def test_a_backup_restores_resources_as_they_were_written(shell: Shell, cluster: ChartCluster) -> None:
    shell.run(blocks("install")[0])
    kubectl = cluster.namespace("restored")
    shell.run("kubectl apply -n restored -f examples/credential-refresh.yaml")
    specs = [kubectl.get("llmcredential", "login")["spec"], kubectl.get("llmgateway", "refreshed")["spec"]]
    shell.run(blocks("backup")[0])
    shell.run("kubectl delete llmgateways,llmcredentials --all -n restored")
    shell.run(blocks("backup")[1])
    assert [kubectl.get("llmcredential", "login")["spec"], kubectl.get("llmgateway", "refreshed")["spec"]] == specs


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_files_that_a_document_names_exist(document: str) -> None:
    text = (ROOT / "docs" / f"{document}.md").read_text()
    named = set(re.findall(r"\b((?:docs|charts|gitops|examples|crds)/[\w./-]*[\w/])", text))
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []
