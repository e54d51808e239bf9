"""The images that the end-to-end tests run: gateway (without and with the Claude Agent SDK), operator, a client of
both, and a stand-in for the official Valkey image.

For machines without an engine; elsewhere `gateway/Containerfile` and `operator/Containerfile` make the first two.
"""

from __future__ import annotations

import shutil
import tempfile
import tomllib
from pathlib import Path

from support.cluster import oci_archive, python_layers
from support.cluster.layout import IMAGES
from support.cluster.lock_part import part_of_lock
from support.cluster.oci_archive import Image
from support.cluster.root_filesystem import base_layer, root_filesystem

PYTHON = ("python3", "ca-certificates")
VALKEY = ("valkey-server",)
AGENT = "gateway-claude-agent"
CLIENT_PACKAGES = ("openai", "anthropic", "aiohttp")
VALKEY_SCRIPTS = Path(__file__).parent / "valkey_image"


def tag() -> str:
    """The project's version: what the charts ask for by default."""
    document = tomllib.loads((python_layers.PROJECT / "pyproject.toml").read_text())
    return str(document["project"]["version"])


def build() -> list[Path]:
    """The archives; about three minutes on a cold cache, ten seconds afterwards."""
    program = ("llmgateway", "llmgateway.command_line")
    gateway = _python_image("gateway", *program)
    agent = _python_image(AGENT, *program, locks=("gateway", "claude-agent"))
    operator = _python_image("operator", "llmgateway-operator", "llmgateway_operator.command_line")
    return [gateway, agent, operator, _client_image(), _valkey_image()]


def lock_of(name: str) -> str:
    return (python_layers.PROJECT / "requirements" / f"{name}.txt").read_text()


def _python_image(name: str, command: str, module: str, *, locks: tuple[str, ...] = ()) -> Path:
    image = Image(
        f"docker.io/llmgateway/{name}:{tag()}",
        entrypoint=[command],
        user="1001:1001",
        ports=[8080],
        environment=python_layers.ENVIRONMENT,
    )
    root = root_filesystem(*PYTHON)
    with tempfile.TemporaryDirectory() as scratch:
        project = python_layers.project_layer(command, module, root, Path(scratch))
        requirements = [python_layers.requirements_layer(lock, lock_of(lock), root) for lock in locks or (name,)]
        return oci_archive.write(
            IMAGES / f"llmgateway-{name}.tar", image, [base_layer(*PYTHON), *requirements, project]
        )


def _client_image() -> Path:
    """Python with the official SDKs; what its pods run is mounted, so that this image rarely changes."""
    image = Image(
        f"docker.io/llmgateway/client:{tag()}",
        entrypoint=["python3"],
        user="1001:1001",
        environment=python_layers.ENVIRONMENT,
    )
    lock = part_of_lock(lock_of("dev"), CLIENT_PACKAGES)
    requirements = python_layers.requirements_layer("client", lock, root_filesystem(*PYTHON))
    return oci_archive.write(IMAGES / "llmgateway-client.tar", image, [base_layer(*PYTHON), requirements])


def _valkey_image() -> Path:
    """`docker.io/valkey/valkey:8`, made of Debian's package; kept once it is there."""
    archive = IMAGES / "valkey.tar"
    if archive.exists():
        return archive
    image = Image(
        "docker.io/valkey/valkey:8",
        entrypoint=["docker-entrypoint.sh"],
        command=["valkey-server"],
        working_folder="/data",
        ports=[6379],
    )
    with tempfile.TemporaryDirectory() as scratch:
        layer = oci_archive.pack_layer(_valkey_files(Path(scratch, "root")), Path(scratch, "layer.tar.gz"))
        return oci_archive.write(archive, image, [base_layer(*VALKEY), layer])


def _valkey_files(root: Path) -> Path:
    programs, data = root / "usr/local/bin", root / "data"
    programs.mkdir(parents=True)
    data.mkdir()
    for script, name in (("docker-entrypoint.sh", "docker-entrypoint.sh"), ("valkey-server.sh", "valkey-server")):
        (programs / name).write_bytes((VALKEY_SCRIPTS / script).read_bytes())
        (programs / name).chmod(0o755)
    shutil.chown(data, 999, 999)
    return root
