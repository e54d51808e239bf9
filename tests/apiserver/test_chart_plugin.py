"""`kubectl llmgateway` as users call it: through the real kubectl, against a real API server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.kubectl import Kubectl, wait_until
from support.kubernetes_binaries import binary
from support.operator_gateways import refreshed_login, small_gateway
from support.operator_process import install_crds, running_operator
from support.shared_control_plane import SharedControlPlane

REFRESH_AT = "llmgateway.dev/refresh-at"
CREDENTIAL = refreshed_login()


class Plugin:
    """`kubectl llmgateway ...` with the user's kubeconfig; both programs are found on the PATH, as kubectl does."""

    def __init__(self, kubectl: Kubectl, folder: Path) -> None:
        folder.mkdir()
        (folder / "kubectl").symlink_to(binary("kubectl"))
        for name, module in (("kubectl-llmgateway", "command_line"), ("kubectl_complete-llmgateway", "completion")):
            program = folder / name
            program.write_text(
                f"#!{sys.executable}\nfrom kubectl_llmgateway.{module} import main\nraise SystemExit(main())\n"
            )
            program.chmod(0o755)
        own = {"PATH": f"{folder}:{os.environ['PATH']}", "KUBECONFIG": str(kubectl.kubeconfig), "HOME": str(folder)}
        self.environment = {**os.environ, **own, "PYTHONIOENCODING": "utf-8"}
        self._namespace = kubectl.namespace

    def start(self, command: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["kubectl", "llmgateway", command, "-n", self._namespace, *arguments],
            env=self.environment,
            executable=str(binary("kubectl")),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, command: str, *arguments: str) -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        process = self.start(command, *arguments)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err


@pytest.fixture
def plugin(control_plane: SharedControlPlane, kubectl: Kubectl, tmp_path: Path) -> Iterator[Plugin]:
    install_crds(control_plane.kubeconfig)
    yield Plugin(kubectl, tmp_path / "bin")
    kubectl.run("delete", "llmgateways,llmcredentials", "--all", "-n", kubectl.namespace)


def set_status(kubectl: Kubectl, **status: Any) -> None:
    """As the operator reports after a run of the refresh program."""
    patch = json.dumps({"status": {"observedGeneration": 1, **status}})
    where = ("-n", kubectl.namespace, "--subresource=status", "--type=merge", "-p", patch)
    kubectl.run("patch", "llmcredential", "login", *where)


def asked(kubectl: Kubectl) -> str:
    annotations = kubectl.get("llmcredential", "login")["metadata"].get("annotations") or {}
    return str(annotations.get(REFRESH_AT, ""))


def condition(type_: str, status: str, reason: str, message: str) -> dict[str, str]:
    when = "2026-01-01T00:00:00Z"
    return {"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": when}


def test_status_shows_what_the_operator_reports(
    plugin: Plugin, control_plane: SharedControlPlane, kubectl: Kubectl, tmp_path: Path
) -> None:
    with running_operator(control_plane.kubeconfig, tmp_path / "operator.log", [kubectl.namespace]):
        kubectl.apply(small_gateway(models=[{"name": "coder", "backendRefs": [{"name": "echo"}]}]))
        wait_until(lambda: kubectl.get("llmgateway", "demo").get("status", {}).get("conditions"), 30, "a status")
        wait_until(lambda: kubectl.find("deployment", "demo-gateway"), 10, "the Deployment")
    status, text, _ = plugin.run("status", "demo")
    assert status == 0
    assert text.startswith(f"… LLMGateway {kubectl.namespace}/demo: PodsStarting\n")
    for line in ("├─ models: coder", "│  ├─ ✓ Accepted", "   └─ ✓ echo  Scripted"):
        assert line in text
    assert "\x1b" not in text


def test_status_without_a_name_shows_all_and_with_a_wrong_one_fails(plugin: Plugin, kubectl: Kubectl) -> None:
    assert plugin.run("status") == (0, "No LLMGateway in this namespace.\n", "")
    kubectl.apply([small_gateway("a"), small_gateway("b")])
    assert [line for line in plugin.run("status")[1].splitlines() if "LLMGateway" in line] == [
        f"… LLMGateway {kubectl.namespace}/{name}: not looked at yet" for name in "ab"
    ]
    status, text, error = plugin.run("status", "c")
    assert (status, text) == (1, "")
    assert '"c" not found' in error


def test_status_shows_the_ages_of_tokens(plugin: Plugin, kubectl: Kubectl) -> None:
    reference = {"kind": "LLMCredential", "name": "login"}
    backends = [{"name": "far", "type": "OpenAI", "credentialRef": reference}]
    kubectl.apply([CREDENTIAL, small_gateway(backends=backends)])
    set_status(kubectl, expiresAt="2001-01-01T00:00:00Z", revision=3)
    assert "login: RefreshToken, expired " in plugin.run("status", "demo")[1]


def test_rotate_asks_waits_and_reports_the_rotation(plugin: Plugin, kubectl: Kubectl) -> None:
    kubectl.apply(CREDENTIAL)
    process = plugin.start("rotate", "login")
    wait_until(lambda: asked(kubectl), 20, "the request")
    set_status(kubectl, conditions=[condition("Reconciling", "True", "RefreshRunning", "Job login-refresh-1 runs")])
    assert process.stderr is not None
    wait_until(lambda: "Job login-refresh-1 runs" in process.stderr.readline(), 20, "the progress")
    set_status(
        kubectl, lastRefreshTime="2026-01-01T00:00:00Z", expiresAt="2026-01-01T04:00:00Z", revision=1, conditions=[]
    )
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert out.startswith("LLMCredential login rotated after ")
    assert out.endswith("revision 1, valid until 2026-01-01T04:00:00Z\n")


def test_rotate_reports_a_failure_with_exit_status_one(plugin: Plugin, kubectl: Kubectl) -> None:
    kubectl.apply(CREDENTIAL)
    process = plugin.start("rotate", "login")
    wait_until(lambda: asked(kubectl), 20, "the request")
    words = condition("Stalled", "True", "ReauthRequired", "log in again")
    set_status(kubectl, consecutiveFailures=1, conditions=[words])
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (1, "")
    assert err.endswith("LLMCredential login was not rotated: ReauthRequired: log in again\n")


def test_rotate_gives_up_after_its_timeout_and_asks_again_later(plugin: Plugin, kubectl: Kubectl) -> None:
    kubectl.apply(CREDENTIAL)
    status, _, err = plugin.run("rotate", "login", "--timeout=0")
    assert status == 1
    assert err.endswith("was not rotated within 0 s: the operator has not answered yet\n")
    first = asked(kubectl)
    plugin.run("rotate", "login", "--timeout=0")
    assert asked(kubectl) > first
    assert kubectl.get("llmcredential", "login")["metadata"]["generation"] == 1  # the spec stays Git's


def test_rotate_refuses_what_nobody_could_rotate(plugin: Plugin, kubectl: Kubectl) -> None:
    source = {"name": "key", "keys": {"accessToken": "api-key"}}
    kubectl.apply(CREDENTIAL | {"spec": {"type": "Static", "sourceRef": source}})
    assert plugin.run("rotate", "login") == (1, "", "LLMCredential login is Static: change its source, Secret key\n")
    assert asked(kubectl) == ""


def test_kubectls_completion_offers_the_gateways_of_the_namespace(plugin: Plugin, kubectl: Kubectl) -> None:
    kubectl.apply([small_gateway("alpha"), small_gateway("beta")])
    words = ["__complete", "llmgateway", "-n", kubectl.namespace, "status", ""]
    done = subprocess.run(
        ["kubectl", *words],
        executable=str(binary("kubectl")),
        env=plugin.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["alpha", "beta", ":4"]
