"""python -m support.cluster up [--nodes N] | down [--keep-logs] | status | images | load ARCHIVE... | exec COMMAND...

`up` prints the KUBECONFIG to export. `images` builds the project's own and loads them into a cluster that runs.
`exec` runs a command in a node (`--node N`).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from support.cluster import kind_cluster, namespace_cluster, project_images
from support.cluster.cgroups import CgroupsError
from support.cluster.command import CommandError
from support.cluster.layout import IMAGES, MAXIMUM_NODES
from support.cluster.packages import MissingProgramsError
from support.kubectl import Kubectl
from support.kubernetes_binaries import BuildFailed
from support.server_process import ServerStartError

EXPECTED = (BuildFailed, CgroupsError, CommandError, MissingProgramsError, ServerStartError)


def main() -> int:
    chosen = _parser().parse_args()
    try:
        return _COMMANDS[chosen.command](chosen) or 0
    except EXPECTED as refused:
        print(refused, file=sys.stderr)
        return 1


def _up(chosen: argparse.Namespace) -> None:
    started = time.monotonic()
    if kind_cluster.is_usable():
        kubeconfig = kind_cluster.up(chosen.nodes)
        for archive in sorted(IMAGES.glob("llmgateway-*.tar")):
            kind_cluster.load(archive)
    else:
        kubeconfig = namespace_cluster.up(chosen.nodes)
    print(f"ready after {time.monotonic() - started:.0f} s", file=sys.stderr)
    print(f"export KUBECONFIG={kubeconfig}")


def _down(chosen: argparse.Namespace) -> None:
    if kind_cluster.is_usable():
        kind_cluster.down()
    else:
        namespace_cluster.down(keep_logs=chosen.keep_logs)


def _status(_: argparse.Namespace) -> int:
    if not _is_up():
        print("no cluster runs: python -m support.cluster up", file=sys.stderr)
        return 1
    kubeconfig = kind_cluster.KUBECONFIG if kind_cluster.is_usable() else namespace_cluster.KUBECONFIG
    kubectl = Kubectl(kubeconfig)
    print(kubectl.run("get", "nodes", "-o", "wide"), kubectl.run("get", "pods", "-A", "-o", "wide"), sep="\n")
    print(f"export KUBECONFIG={kubeconfig}")
    return 0


def _images(_: argparse.Namespace) -> None:
    for archive in project_images.build():
        print(archive)
        if _is_up():
            _load_one(archive)


def _load(chosen: argparse.Namespace) -> None:
    for archive in chosen.archives:
        _load_one(archive)


def _execute(chosen: argparse.Namespace) -> int:
    words = chosen.words[1:] if chosen.words[:1] == ["--"] else chosen.words
    execute = kind_cluster.execute if kind_cluster.is_usable() else namespace_cluster.execute
    return execute(chosen.node, *words)


def _is_up() -> bool:
    return kind_cluster.is_up() if kind_cluster.is_usable() else namespace_cluster.is_up()


def _load_one(archive: Path) -> None:
    (kind_cluster.load if kind_cluster.is_usable() else namespace_cluster.load)(archive)


_COMMANDS = {
    "up": _up,
    "down": _down,
    "status": _status,
    "images": _images,
    "load": _load,
    "exec": _execute,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m support.cluster", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up")
    up.add_argument("--nodes", type=int, default=1, choices=range(1, MAXIMUM_NODES + 1))
    commands.add_parser("down").add_argument("--keep-logs", action="store_true")
    commands.add_parser("status")
    commands.add_parser("images")
    commands.add_parser("load").add_argument("archives", nargs="+", type=Path)
    execute = commands.add_parser("exec")
    execute.add_argument("--node", type=int, default=0, choices=range(MAXIMUM_NODES))
    execute.add_argument("words", nargs=argparse.REMAINDER)
    return parser


if __name__ == "__main__":
    sys.exit(main())
