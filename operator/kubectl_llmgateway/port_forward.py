"""A way to a gateway's Service through the API server: `kubectl port-forward` on a free local port."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from kubectl_llmgateway.kubectl import Kubectl, PluginError

_READY: Final = re.compile(r"Forwarding from (127\.0\.0\.1:\d+) ->")
PORT: Final = 8080  # of every gateway's Service


class NoWayIn(PluginError):
    """kubectl could not forward; the message is what it said."""


@contextmanager
def forwarded(kubectl: Kubectl, gateway: str) -> Iterator[str]:
    """The local URL of the gateway, while the context lasts. Raises NoWayIn."""
    command = kubectl.command("port-forward", "--address=127.0.0.1", f"service/{gateway}-gateway", f":{PORT}")
    process = subprocess.Popen(  # noqa: S603  # a list, no shell
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield f"http://{_address(process)}"
    finally:
        process.terminate()
        process.communicate()


def _address(process: subprocess.Popen[str]) -> str:
    for line in process.stdout or ():
        if ready := _READY.search(line):
            return ready[1]
    _, complaint = process.communicate()
    raise NoWayIn(f"kubectl port-forward: {complaint.strip() or 'ended without a word'}")
