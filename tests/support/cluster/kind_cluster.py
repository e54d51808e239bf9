"""The same cluster by kind (Kubernetes in Docker), where a Docker engine answers."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from support.cache_folder import cache_folder
from support.cluster.command import run, succeeds

NAME = "llmgateway-test"
KUBECONFIG = cache_folder("cluster") / "kind.kubeconfig"


def is_usable() -> bool:
    return shutil.which("kind") is not None and succeeds("docker", "info")


def is_up() -> bool:
    return NAME in run("kind", "get", "clusters").split()


def up(count: int) -> Path:
    """The administrator's kubeconfig. A cluster that runs is left as it is."""
    if not is_up():
        roles = ["control-plane"] + ["worker"] * (count - 1)
        nodes = [{"role": role} for role in roles]
        configuration = cache_folder("cluster") / "kind.yaml"
        document = {"kind": "Cluster", "apiVersion": "kind.x-k8s.io/v1alpha4", "nodes": nodes}
        configuration.write_text(json.dumps(document))
        where = ("--kubeconfig", KUBECONFIG, "--config", configuration)
        run("kind", "create", "cluster", "--name", NAME, "--wait", "120s", *where)
    return KUBECONFIG


def down() -> None:
    run("kind", "delete", "cluster", "--name", NAME, "--kubeconfig", KUBECONFIG)


def load(archive: Path) -> None:
    run("kind", "load", "image-archive", archive, "--name", NAME)


def execute(number: int, *command: str) -> int:
    """Runs a command in a node with this terminal; its exit status."""
    containers = sorted(run("kind", "get", "nodes", "--name", NAME).split())
    enter = ["docker", "exec", "--interactive", containers[number]]
    return subprocess.run([*enter, *command], check=False).returncode
