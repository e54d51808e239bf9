"""Credentials as files of a pod: mounted, or copied to where a program may write."""

from __future__ import annotations

import json

from support.cluster.end_to_end.client_pods import execute
from support.cluster.end_to_end.gateways import RunningGateway, gateway, secret
from support.kubectl import Kubectl, wait_until

SECRETS = "/etc/llmgateway/secrets"
LOGIN = json.dumps({"claudeAiOauth": {"accessToken": "first"}})
COPIED = {"mode": "CopyToEmptyDir", "onChange": "RollingRestart"}
MODEL = {"name": "any", "backendRefs": [{"name": "models"}]}
BACKEND = {
    "name": "models",
    "type": "OpenAI",
    "endpoint": {"url": "http://nobody.invalid/v1"},
    "credentialRef": {"kind": "Secret", "name": "login", "key": ".credentials.json"},
}


def test_a_copied_credential_belongs_to_the_gateways_user_and_can_be_written(gateways: Kubectl) -> None:
    copied = _applied(gateways)
    [pod] = copied.pod_names()
    assert execute(gateways, pod, "id", "-u") == "1001"
    for path in (f"{SECRETS}/login/.credentials.json", "/home/llmgateway/.claude/.credentials.json"):
        assert execute(gateways, pod, "stat", "--format=%u %a", path) == "1001 600"
        assert execute(gateways, pod, "cat", path) == LOGIN
        execute(gateways, pod, "sh", "-c", f"echo changed > {path}")
        assert execute(gateways, pod, "cat", path) == "changed"


def test_a_changed_secret_reaches_copies_by_a_rolling_restart(gateways: Kubectl) -> None:
    copied = _applied(gateways)
    [old] = copied.pod_names()
    changed = LOGIN.replace("first", "second")
    gateways.apply(secret("login", **{".credentials.json": changed}))
    wait_until(lambda: copied.pod_names() not in ([], [old]) and copied.pod_names()[-1:], 60, "a new pod")
    copied.wait_until_ready()
    [new] = [each for each in copied.pod_names() if each != old]
    assert execute(gateways, new, "cat", f"{SECRETS}/login/.credentials.json") == changed


def _applied(kubectl: Kubectl) -> RunningGateway:
    login = secret("login", **{".credentials.json": LOGIN})
    kubectl.apply([login, gateway("copied", BACKEND, models=[MODEL], credentialsDelivery=COPIED)])
    running = RunningGateway(kubectl, "copied")
    running.wait_until_ready()
    return running
