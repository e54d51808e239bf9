"""The API server of a cluster that this machine runs, silent for a while: whoever asks it waits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.cluster import kind_cluster, namespace_cluster

_EXECUTE = {
    kind_cluster.KUBECONFIG: kind_cluster.execute,
    namespace_cluster.KUBECONFIG: namespace_cluster.execute,
}


def can_be_stopped(kubeconfig: Path) -> bool:
    """Not in other people's clusters."""
    return kubeconfig in _EXECUTE


@contextmanager
def stopped_api_server(kubeconfig: Path) -> Iterator[None]:
    """SIGSTOP: connections stay, and nothing is answered."""
    execute = _EXECUTE[kubeconfig]
    assert execute(0, "pkill", "-STOP", "-x", "kube-apiserver") == 0
    try:
        yield
    finally:
        assert execute(0, "pkill", "-CONT", "-x", "kube-apiserver") == 0
