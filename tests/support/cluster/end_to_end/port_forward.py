"""`kubectl port-forward`, as users reach a Service from their own machine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.kubectl import Kubectl
from support.kubernetes_binaries import binary
from support.server_process import ServerProcess


@contextmanager
def port_forward(kubectl: Kubectl, target: str, folder: Path, port: int = 8080) -> Iterator[str]:
    """The URL of `target` (as `service/name`) on this machine."""
    command = [binary("kubectl"), "--kubeconfig", kubectl.kubeconfig, "-n", kubectl.namespace]
    log = folder / f"{target.replace('/', '-')}.log"
    log.unlink(missing_ok=True)
    process = ServerProcess([*command, "port-forward", target, f":{port}"], log)
    try:
        process.wait_until_ready(lambda: "Forwarding from" in log.read_text(), 30)
        found = re.search(r"127\.0\.0\.1:(\d+)", log.read_text())
        assert found
        yield f"http://127.0.0.1:{found[1]}"
    finally:
        process.stop()
