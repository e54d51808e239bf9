"""The operator as users install it: the Helm chart with the images of `make images`."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from support.cluster.project_images import tag
from support.kubectl import Kubectl
from support.kubernetes_binaries import binary

CHART = Path(__file__).parents[4] / "charts" / "llmgateway-operator"
DEPLOYMENT = "llmgateway-operator"
CRDS = ("llmgateways.llmgateway.dev", "llmcredentials.llmgateway.dev")


class HelmError(RuntimeError):
    """helm said no; the message is what it said."""


class OperatorRelease:
    """A release named like the chart, in a namespace of its own; `kubectl` looks at that namespace."""

    def __init__(self, kubeconfig: Path, namespace: str) -> None:
        self.kubectl = Kubectl(kubeconfig, namespace)
        self.namespace = namespace

    def install(self, **values: Any) -> None:
        """Installs or upgrades, and waits until the operator is ready; `values` as in values.yaml."""
        given = {"image": {"tag": tag()}, "defaultImages": {"gateway": f"llmgateway/gateway:{tag()}"}, **values}
        command = ("upgrade", "--install", DEPLOYMENT, str(CHART), "--take-ownership", *_WAIT, "--values=-")
        self._helm(*command, stdin=json.dumps(given))

    def uninstall(self) -> None:
        self._helm("uninstall", DEPLOYMENT, *_WAIT, "--ignore-not-found")

    def remove_crds(self) -> None:
        """The last step of taking the operator off: every gateway and credential goes with them."""
        self.kubectl.run("delete", "crd", *CRDS, "--ignore-not-found")

    def pods(self) -> list[str]:
        """Names of its pods that are not leaving."""
        found = self.kubectl.items("pods", selector=f"app.kubernetes.io/instance={DEPLOYMENT}")
        return [each["metadata"]["name"] for each in found if "deletionTimestamp" not in each["metadata"]]

    def _helm(self, *arguments: str, stdin: str = "") -> None:
        command = [str(binary("helm")), *arguments, "--namespace", self.namespace]
        environment = {**os.environ, "KUBECONFIG": str(self.kubectl.kubeconfig)}
        done = subprocess.run(
            command, input=stdin, env=environment, capture_output=True, text=True, timeout=180, check=False
        )
        if done.returncode:
            raise HelmError(f"helm {' '.join(arguments)}: {done.stderr.strip()}")


_WAIT = ("--wait", "--timeout=120s")
