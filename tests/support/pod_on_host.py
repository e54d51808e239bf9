"""Runs a Deployment's container as a local process: its own command, and the files that its volumes hold.

What differs from a pod: the mount paths stand below a folder of the test (so the command's paths are moved there too),
and the port is a free one. Everything else is what the API server says.
"""

from __future__ import annotations

import base64
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from support.kubectl import Kubectl
from support.running_gateway import Running, gateway_process

MOUNT_ROOT = "/etc/llmgateway"


@contextlib.contextmanager
def gateway_of(deployment: dict[str, Any], kubectl: Kubectl, folder: Path) -> Iterator[Running]:
    """The gateway as the Deployment states it."""
    pod = deployment["spec"]["template"]["spec"]
    container = pod["containers"][0]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for mount in container["volumeMounts"]:
        if mount["mountPath"].startswith(MOUNT_ROOT):
            _materialise(volumes[mount["name"]], folder / _below(mount["mountPath"]), kubectl)
    command = [_moved(word, folder) for word in _command(container)]
    environment = {each["name"]: each["value"] for each in container.get("env", []) if "value" in each}
    with gateway_process(command=command, environment=environment) as running:
        yield running


def _command(container: dict[str, Any]) -> list[str]:
    """`llmgateway ...` is the virtual environment's; `--port` is left to the harness."""
    words = [*container["command"], *container.get("args", [])]
    assert words[0] == "llmgateway"
    at = words.index("--port")
    return [str(Path(sys.executable).parent / "llmgateway"), *words[1:at], *words[at + 2 :]]


def _moved(word: str, folder: Path) -> str:
    return str(folder / _below(word)) if word.startswith(MOUNT_ROOT) else word


def _below(path: str) -> str:
    return str(PurePosixPath(path).relative_to(MOUNT_ROOT))


def _materialise(volume: dict[str, Any], target: Path, kubectl: Kubectl) -> None:
    sources = volume["projected"]["sources"] if "projected" in volume else [volume]
    for source in sources:
        for name, data in _files(source, kubectl).items():
            file = target / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)


def _files(source: dict[str, Any], kubectl: Kubectl) -> dict[str, bytes]:
    if "configMap" in source:
        named = source["configMap"]
        texts = kubectl.get("configmap", named["name"])["data"]
        data = {key: text.encode() for key, text in texts.items()}
    else:
        named = source["secret"]
        name = named.get("secretName") or named["name"]
        found = kubectl.find("secret", name)
        assert found is not None or named.get("optional"), f"Secret {name} is missing and not optional"
        data = {key: base64.b64decode(value) for key, value in (found or {}).get("data", {}).items()}
    if "items" in named:
        return {item["path"]: data[item["key"]] for item in named["items"] if item["key"] in data}
    return data
