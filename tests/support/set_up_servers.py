"""What `make test` does before the tests: finds, installs or builds every real server that they start.

    python -m support.set_up_servers

It fails with one sentence per server that is missing, which says what to install.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from support.kubernetes_binaries import BuildFailed, binary
from support.valkey_server import MissingServerError, install_server

KUBERNETES = ("etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "helm")


def missing() -> Iterator[str]:
    """Sets up one server after the other; a sentence for each that can't be."""
    steps: list[tuple[str, Callable[[], Path]]] = [("valkey", install_server)]
    steps += [(name, partial(binary, name)) for name in KUBERNETES]
    for name, step in steps:
        try:
            step()
        except (MissingServerError, BuildFailed) as refused:
            yield f"{name}: {refused}"


if __name__ == "__main__":
    sentences = list(missing())
    for sentence in sentences:
        print(sentence, file=sys.stderr)
    sys.exit(bool(sentences))
