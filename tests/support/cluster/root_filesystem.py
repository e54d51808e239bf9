"""Minimal Debian root folders by debootstrap, kept in the cache: what the images are made on."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from support.cache_folder import cache_folder
from support.cluster import oci_archive, packages
from support.cluster.command import run
from support.cluster.oci_archive import CREATED_SECONDS

SUITE = "trixie"  # bookworm's Python 3.11.2 is older than what the locks are resolved for (3.11.3)
# Documentation, package lists, logs, backups: no program reads them, and they differ from run to run.
NOT_NEEDED = (
    *("usr/share/doc/*", "usr/share/man/*", "usr/share/locale/*", "usr/share/info/*", "usr/share/lintian/*"),
    *("var/cache/*", "var/lib/apt/lists/*", "var/log/*", "tmp/*", "run/*", "debootstrap", "etc/*-"),
)


def root_filesystem(*programs: str) -> Path:
    """A folder with Debian's minimum and these packages, about 150 MB; made in about a minute, then cached.

    Raises MissingProgramsError without root or debootstrap, CommandError when no mirror answers."""
    folder = _cached(programs)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            packages.require_root()
            packages.require(packages.FOR_IMAGES)
            _make(folder, programs)
    return folder


def base_layer(*programs: str) -> Path:
    """The same as the lowest layer of an image."""
    folder = root_filesystem(*programs)
    layer = folder.with_suffix(".tar.gz")
    return layer if layer.exists() else oci_archive.pack_layer(folder, layer)


def _cached(programs: Sequence[str]) -> Path:
    name = hashlib.sha256(" ".join([SUITE, *programs]).encode()).hexdigest()[:12]
    return cache_folder("cluster", "rootfs") / name


def _make(folder: Path, programs: Sequence[str]) -> None:
    partial = folder.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    include = f"--include={','.join(programs)}"
    dated = ("env", f"SOURCE_DATE_EPOCH={CREATED_SECONDS}")
    run(*dated, "debootstrap", "--variant=minbase", include, SUITE, partial, *_mirror())
    for pattern in NOT_NEEDED:
        for path in partial.glob(pattern):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    partial.rename(folder)


def _mirror() -> list[str]:
    """The one that this machine's own packages come from; debootstrap's own choice where that is not Debian's."""
    if chosen := os.environ.get("DEBIAN_MIRROR"):
        return [chosen]
    if shutil.which("apt-get") is None:
        return []
    which = ("Created-By: Packages", "Origin: Debian", "Label: Debian")
    return run("apt-get", "indextargets", "--format", "$(REPO_URI)", *which).split()[:1]
