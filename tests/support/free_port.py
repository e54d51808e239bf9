"""Ports for the servers of the tests: nobody else on this machine is given one of them meanwhile.

A port that the kernel chooses (bind to 0) is free only until it chooses again: between the choice and the server's own
bind, another process may get it, as a listener or as the near end of a connection. These come from below the range that
Linux chooses from (net.ipv4.ip_local_port_range, 32768 and up) and below Kubernetes' node ports, each once before any
comes again.
"""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path

_FIRST, _COUNT = 20_000, 10_000
_NEXT = Path(tempfile.gettempdir()) / f"llmgateway-tests-next-port-{os.getuid()}"


def free_port() -> int:
    """A TCP port of the loopback interface that no other caller, in any process, gets for thousands of calls."""
    while True:
        port = _FIRST + _next_number() % _COUNT
        if _is_free(port):
            return port


def _next_number() -> int:
    with _NEXT.open("a+") as counter:
        fcntl.flock(counter, fcntl.LOCK_EX)  # released as the file closes
        counter.seek(0)
        number = int(counter.read() or 0)
        counter.truncate(0)
        counter.write(str(number + 1))
    return number


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: closed connections linger
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
