"""How credentials reach the gateway's container.

HotReload mounts each Secret as a directory that the kubelet keeps fresh. CopyToEmptyDir has an init container copy
them to where a program may write: a subPath mount is read-only, so a token that a program refreshes itself could not
be saved, and the pod would answer 401 after a restart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from llmgateway_api import LLMGateway
from llmgateway_operator.desired.mounted_secrets import MountedSecret
from llmgateway_operator.desired.naming import Manifest

SECRETS: Final = "/etc/llmgateway/secrets"
SOURCE: Final = "/etc/llmgateway/secrets-source"
HOME: Final = "/home/llmgateway"
AGENT_FOLDER: Final = f"{HOME}/.claude"
AGENT_FILE: Final = ".credentials.json"
USER: Final = 1001

COPY: Final = f"""set -eu
umask 077
for folder in {SOURCE}/*/; do
  name=$(basename "$folder")
  mkdir -p "{SECRETS}/$name"
  for file in "$folder"* "$folder".[!.]*; do
    if [ -f "$file" ]; then cat "$file" > "{SECRETS}/$name/$(basename "$file")"; fi
  done
done
mkdir -p {AGENT_FOLDER}/debug
for file in {SECRETS}/*/{AGENT_FILE}; do
  if [ -f "$file" ]; then cat "$file" > {AGENT_FOLDER}/{AGENT_FILE}; fi
done
"""
"""The kubelet's own `..data` folders stay behind: only files are copied, and by their content, because a mounted
Secret's mode lets nobody write."""


@dataclass(frozen=True)
class Delivery:
    """The parts of a pod that bring credentials into it."""

    volumes: list[Manifest] = field(default_factory=list)
    mounts: list[Manifest] = field(default_factory=list)
    init_containers: list[Manifest] = field(default_factory=list)
    environment: list[Manifest] = field(default_factory=list)


def delivery(gateway: LLMGateway, secrets: tuple[MountedSecret, ...], image: Manifest) -> Delivery:
    """`image` holds the container fields `image` and `imagePullPolicy`."""
    copies = gateway.spec.credentials_delivery.mode == "CopyToEmptyDir"
    has_agent = any(each.type == "ClaudeAgent" for each in gateway.spec.backends)
    home = _home() if copies or has_agent else Delivery(environment=[{"name": "HOME", "value": "/tmp"}])  # noqa: S108
    given = _copied(secrets, image) if copies else _mounted(secrets)
    return Delivery(
        volumes=[*given.volumes, *home.volumes],
        mounts=[*given.mounts, *home.mounts],
        init_containers=given.init_containers,
        environment=home.environment,
    )


def _home() -> Delivery:
    return Delivery(
        volumes=[{"name": "home", "emptyDir": {}}],
        mounts=[{"name": "home", "mountPath": HOME}],
        environment=[{"name": "HOME", "value": HOME}, {"name": "CLAUDE_CONFIG_DIR", "value": AGENT_FOLDER}],
    )


def _mounted(secrets: tuple[MountedSecret, ...]) -> Delivery:
    if not secrets:  # the command names the folder: it must exist
        return Delivery(volumes=[_empty("secrets")], mounts=[{"name": "secrets", "mountPath": SECRETS}])
    return Delivery(volumes=list(_volumes(secrets)), mounts=list(_mounts(secrets, SECRETS)))


def _copied(secrets: tuple[MountedSecret, ...], image: Manifest) -> Delivery:
    writable: list[Manifest] = [{"name": "secrets", "mountPath": SECRETS}, {"name": "home", "mountPath": HOME}]
    return Delivery(
        volumes=[*_volumes(secrets), _empty("secrets")],
        mounts=writable[:1],
        init_containers=[
            {
                "name": "copy-credentials",
                **image,
                "command": ["/bin/sh", "-c", COPY],
                "securityContext": container_security(),
                "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
                "volumeMounts": [*_mounts(secrets, SOURCE), *writable],
            }
        ],
    )


def _empty(name: str) -> Manifest:
    return {"name": name, "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}}


def _volumes(secrets: tuple[MountedSecret, ...]) -> Iterator[Manifest]:
    for secret in secrets:
        source: Manifest = {"secretName": secret.name, "optional": True, "defaultMode": 0o440}
        if secret.keys:
            source["items"] = [{"key": key, "path": key} for key in secret.keys]
        yield {"name": secret.volume, "secret": source}


def _mounts(secrets: tuple[MountedSecret, ...], folder: str) -> Iterator[Manifest]:
    for secret in secrets:
        yield {"name": secret.volume, "mountPath": f"{folder}/{secret.name}", "readOnly": True}


def container_security() -> Manifest:
    """What Pod Security `restricted` asks of a container, and a root file system that nobody can write."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def pod_security(user: int = USER) -> Manifest:
    """What Pod Security `restricted` asks of a pod; numeric ids, so that the kubelet can verify them."""
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
