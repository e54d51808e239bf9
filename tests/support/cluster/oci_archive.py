"""Container images as OCI archives, made without an engine; `ctr images import` and `podman load` take them.

Same content, same bytes: entries are sorted and dated 2026-01-01. Format: OCI Image Format
Specification 1.1 (image-layout.md, manifest.md, config.md, layer.md).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CREATED = "2026-01-01T00:00:00Z"
CREATED_SECONDS = 1767225600
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_MEDIA = "application/vnd.oci.image"


@dataclass(frozen=True)
class Image:
    """What an image is called and how its containers start; `user` is numeric (`runAsNonRoot` needs that)."""

    name: str
    entrypoint: Sequence[str]
    command: Sequence[str] = ()
    user: str = "0"
    working_folder: str = "/"
    ports: Sequence[int] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def pack_layer(folder: Path, archive: Path, prefix: str = ".") -> Path:
    """A layer (a compressed tar) holding `folder` under `prefix`; devices are left out: runtimes make them."""
    partial = archive.with_suffix(".partial")
    with (
        partial.open("wb") as file,
        gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=CREATED_SECONDS) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as layer,
    ):
        for parent in reversed(Path(prefix).parents):
            layer.addfile(_folder(str(parent)))
        for path in [folder, *sorted(folder.rglob("*"))]:
            _add_path(layer, path, str(Path(prefix) / path.relative_to(folder)))
    partial.rename(archive)
    return archive


def write(archive: Path, image: Image, layers: Sequence[Path]) -> Path:
    """The image of these layers (of `pack_layer`, lowest first) as one OCI archive."""
    digests = [_digest_of_file(layer) for layer in layers]
    config = _json(_configuration(image, [_digest_of_content(layer) for layer in layers]))
    manifest = _json(_manifest(config, [layer.stat().st_size for layer in layers], digests))
    partial = archive.with_suffix(".partial")
    with tarfile.open(partial, "w") as bundle:
        _add(bundle, "oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
        _add(bundle, "index.json", _json(_index(image.name, manifest)))
        _add(bundle, _blob(_digest(config)), config)
        _add(bundle, _blob(_digest(manifest)), manifest)
        for layer, digest in zip(layers, digests, strict=True):
            entry = _file(_blob(digest), layer.stat().st_size)
            with layer.open("rb") as content:
                bundle.addfile(entry, content)
    partial.rename(archive)
    return archive


def _configuration(image: Image, layers: Sequence[str]) -> dict[str, Any]:
    environment = {"PATH": PATH, **image.environment}
    return {
        "created": CREATED,
        "architecture": _architecture(),
        "os": "linux",
        "config": {
            "User": image.user,
            "Env": [f"{name}={value}" for name, value in environment.items()],
            "Entrypoint": list(image.entrypoint),
            "Cmd": list(image.command),
            "WorkingDir": image.working_folder,
            "ExposedPorts": {f"{port}/tcp": {} for port in image.ports},
        },
        "rootfs": {"type": "layers", "diff_ids": list(layers)},
    }


def _manifest(config: bytes, sizes: Sequence[int], layers: Sequence[str]) -> dict[str, Any]:
    return {
        "schemaVersion": 2,
        "mediaType": f"{_MEDIA}.manifest.v1+json",
        "config": {
            "mediaType": f"{_MEDIA}.config.v1+json",
            "digest": _digest(config),
            "size": len(config),
        },
        "layers": [
            {"mediaType": f"{_MEDIA}.layer.v1.tar+gzip", "digest": digest, "size": size}
            for digest, size in zip(layers, sizes, strict=True)
        ],
    }


def _index(name: str, manifest: bytes) -> dict[str, Any]:
    """containerd takes the whole name from its own annotation, others the tag from the standard one."""
    described = {
        "mediaType": f"{_MEDIA}.manifest.v1+json",
        "digest": _digest(manifest),
        "size": len(manifest),
        "platform": {"architecture": _architecture(), "os": "linux"},
        "annotations": {
            "io.containerd.image.name": name,
            "org.opencontainers.image.ref.name": name.rpartition(":")[2],
        },
    }
    return {"schemaVersion": 2, "mediaType": f"{_MEDIA}.index.v1+json", "manifests": [described]}


def _add_path(layer: tarfile.TarFile, path: Path, name: str) -> None:
    entry = layer.gettarinfo(path, arcname=name)
    if entry is None or entry.isdev():  # None: a socket
        return
    entry.mtime = CREATED_SECONDS
    entry.uname = entry.gname = ""
    if entry.isreg():
        with path.open("rb") as content:
            layer.addfile(entry, content)
    else:
        layer.addfile(entry)


def _folder(name: str) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o755, CREATED_SECONDS
    return entry


def _file(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mtime = size, CREATED_SECONDS
    return entry


def _add(bundle: tarfile.TarFile, name: str, content: bytes) -> None:
    bundle.addfile(_file(name, len(content)), io.BytesIO(content))


def _blob(digest: str) -> str:
    return "blobs/" + digest.replace(":", "/")


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _digest_of_file(path: Path) -> str:
    with path.open("rb") as content:
        return f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"


def _digest_of_content(path: Path) -> str:
    with gzip.open(path) as content:
        return f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}"


def _json(document: Any) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _architecture() -> str:
    return ARCHITECTURES[platform.machine()]
