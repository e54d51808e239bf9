"""The images of the cluster itself: the sandbox of every pod, and the DNS server."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from support.cluster import oci_archive
from support.cluster.command import run
from support.cluster.configuration import PAUSE_IMAGE
from support.cluster.layout import IMAGES
from support.cluster.oci_archive import Image
from support.kubernetes_binaries import binary

COREDNS_IMAGE = "llmgateway.test/coredns:1"  # as coredns.yaml says
PAUSE_SOURCE = Path(__file__).parent / "pause.go"


def build_missing() -> None:
    """Two archives of one static program each, kept in the cache."""
    _build_missing(IMAGES / "pause.tar", Image(PAUSE_IMAGE, ["/pause"], user="65535:65535"), _compile_pause)
    _build_missing(IMAGES / "coredns.tar", Image(COREDNS_IMAGE, ["/coredns"]), _copy_coredns)


def _build_missing(archive: Path, image: Image, put_program_in: Callable[[Path], object]) -> None:
    if archive.exists():
        return
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch, "root")
        root.mkdir(mode=0o755)
        put_program_in(root)
        layer = oci_archive.pack_layer(root, Path(scratch, "layer.tar.gz"))
        oci_archive.write(archive, image, [layer])


def _compile_pause(root: Path) -> None:
    run("env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-ldflags=-s -w", "-o", root / "pause", PAUSE_SOURCE)


def _copy_coredns(root: Path) -> None:
    shutil.copy(binary("coredns"), root / "coredns")
