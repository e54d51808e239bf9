"""The managed store as the operator states it, on a real Valkey: arguments, ACL file, probes, rotation."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Any

import pytest
from redis import AuthenticationError, Redis
from redis.exceptions import NoPermissionError

from llmgateway_operator.desired.manifests import desired_manifests
from llmgateway_operator.observe.observed import StorePasswords
from llmgateway_operator.settings import Defaults
from support.free_port import free_port
from support.operator_gateways import observed, parsed, small_gateway
from support.server_process import ServerProcess
from support.valkey_server import server_program


def manifest(kind: str, seen: Any) -> dict[str, Any]:
    gateway = parsed(small_gateway(store={"managed": {}}))
    found = desired_manifests(gateway, seen, Defaults())
    return next(each for each in found if each["kind"] == kind and each["metadata"]["name"] == "demo-valkey")


def write_acl(folder: Path, seen: Any) -> None:
    data = manifest("Secret", seen)["data"]["users.acl"]
    (folder / "users.acl").write_bytes(base64.b64decode(data))


def in_pod(text: str, folder: Path, port: int) -> str:
    """What holds in the pod, as it holds here."""
    client = server_program().with_name(server_program().name.replace("-server", "-cli"))
    here = text.replace("/etc/valkey", str(folder)).replace("/tmp/acl", f"{folder}/loaded").replace("6379", str(port))
    return here.replace("/data", str(folder)).replace("valkey-cli", str(client))


@pytest.mark.behaviour("O1", "O4")
def test_both_passwords_are_valid_after_a_rotation_that_only_the_probe_carries_over(tmp_path: Path) -> None:
    first = observed(passwords=StorePasswords("one"))
    container = manifest("Deployment", first)["spec"]["template"]["spec"]["containers"][0]
    write_acl(tmp_path, first)
    port = free_port()
    server = ServerProcess(
        [server_program(), *(in_pod(each, tmp_path, port) for each in container["args"])], tmp_path / "log"
    )
    ready, alive = (container[probe]["exec"]["command"] for probe in ("readinessProbe", "livenessProbe"))
    probe = [*ready[:2], in_pod(ready[2], tmp_path, port)]
    try:
        server.wait_until_ready(lambda: subprocess.run(probe, capture_output=True, check=False).returncode == 0, 20)
        subprocess.run([*alive[:2], in_pod(alive[2], tmp_path, port)], check=True, capture_output=True)
        assert opens(port, "one")
        assert not opens(port, "two")
        write_acl(tmp_path, observed(passwords=StorePasswords("two", "one")))
        assert not opens(port, "two"), "nobody has told it yet"
        subprocess.run(probe, check=True, capture_output=True)
        assert opens(port, "one")
        assert opens(port, "two")
        with pytest.raises(NoPermissionError):
            Redis(port=port, username="probe", password="any").get("conversation")
        memory = Redis(port=port, password="two").config_get("maxmemory*")
        assert memory["maxmemory-policy"] == "allkeys-lru"
        assert int(memory["maxmemory"]) == int((512 - 64) * 2**20 / 1.25)
    finally:
        server.kill()


def opens(port: int, password: str) -> bool:
    client = Redis(port=port, password=password)
    try:
        return bool(client.ping())
    except AuthenticationError:
        return False
    finally:
        client.close()
