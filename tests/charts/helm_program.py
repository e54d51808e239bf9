"""helm, from Python: values in, documents out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from support.kubernetes_binaries import KUBERNETES, binary

ROOT = Path(__file__).parents[2]
OPERATOR_CHART = ROOT / "charts" / "llmgateway-operator"
RESOURCE_CHART = ROOT / "charts" / "llmgateway"
CHARTS = (OPERATOR_CHART, RESOURCE_CHART)
Document = dict[str, Any]


class HelmError(RuntimeError):
    """helm said no; the message is what it said."""


def helm(*arguments: str, values: Mapping[str, Any] | None = None, kubeconfig: Path | None = None) -> str:
    """What `helm <arguments>` prints. `values` go through standard input. Raises HelmError."""
    environment = {**os.environ, "KUBECONFIG": str(kubeconfig or "/dev/null")}
    flags = [] if values is None else ["--values", "-"]
    done = subprocess.run(
        [str(binary("helm")), *arguments, *flags],
        input=None if values is None else yaml.safe_dump(dict(values)),
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise HelmError(done.stderr.strip())
    return done.stdout


def rendered_text(chart: Path, values: Mapping[str, Any], *flags: str) -> str:
    """Release `demo` in namespace `system`, as a current cluster would get it."""
    return helm(
        "template", "demo", str(chart), "--namespace", "system", "--kube-version", KUBERNETES, *flags, values=values
    )


def rendered(chart: Path, values: Mapping[str, Any], *flags: str) -> list[Document]:
    return [each for each in yaml.safe_load_all(rendered_text(chart, values, *flags)) if each]


def of_kind(documents: Sequence[Document], kind: str) -> list[Document]:
    return [each for each in documents if each["kind"] == kind]
