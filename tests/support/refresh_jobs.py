"""Plays the kubelet for Jobs of the refresh program: the pod's own command as a local process, with the token of its
service account, so that RBAC decides. Its end is written to the pod's status, so that the Job ends as in a cluster."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from support.kubectl import Kubectl, wait_until
from support.shared_control_plane import SharedControlPlane

LIFE = 60.0  # seconds that a run may take here
FILES = "/etc/llmgateway/oauth"


class RefreshJobs:
    """`folder` holds the service account's files. All that runs print is kept in `output`, their commands in
    `commands`."""

    def __init__(self, control_plane: SharedControlPlane, kubectl: Kubectl, folder: Path) -> None:
        self._control_plane = control_plane
        self._kubectl = kubectl
        self._folder = folder
        self.output: list[str] = []
        self.commands: list[str] = []

    def pod_of(self, job: str) -> dict[str, Any]:
        """The pod that the Job controller made."""
        selector = f"batch.kubernetes.io/job-name={job}"
        return wait_until(lambda: self._kubectl.items("pods", selector=selector), 30, f"the pod of Job {job}")[0]

    def start(self, pod: dict[str, Any]) -> subprocess.Popen[str]:
        """The container's command as a process."""
        container = pod["spec"]["containers"][0]
        account = self._account(pod["spec"]["serviceAccountName"])
        values = {"POD": pod["metadata"]["uid"], "JOB": pod["metadata"]["labels"]["batch.kubernetes.io/job-name"]}
        files = self._files(pod)
        words = [_expanded(word, values).replace(FILES, str(files)) for word in container["args"]]
        command = [str(Path(sys.executable).parent / container["command"][0]), *words]
        self.commands.append(" ".join(command))
        server = urlsplit(self._control_plane.identities.server)
        environment = {
            "PATH": os.environ["PATH"],
            "KUBERNETES_SERVICE_HOST": server.hostname or "",
            "KUBERNETES_SERVICE_PORT": str(server.port),
        }
        return subprocess.Popen(
            [*command, f"--service-account={account}"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self, pod: dict[str, Any], process: subprocess.Popen[str]) -> int:
        """Waits for the process and says so in the pod's status; the exit status."""
        said, _ = process.communicate(timeout=LIFE)
        self.output.append(said)
        phase = "Succeeded" if process.returncode == 0 else "Failed"
        name = pod["metadata"]["name"]
        patch = f'{{"status": {{"phase": "{phase}"}}}}'
        self._kubectl.run(
            "patch", "pod", name, "-n", self._kubectl.namespace, "--subresource=status", "--type=merge", "-p", patch
        )
        return process.returncode

    def run(self, job: str) -> int:
        """All of it; the exit status."""
        pod = self.pod_of(job)
        return self.finish(pod, self.start(pod))

    def _account(self, name: str) -> Path:
        folder = self._folder / f"account-{name}"
        if not folder.exists():
            token = self._kubectl.run("create", "token", name, "-n", self._kubectl.namespace, "--duration=1h")
            folder.mkdir(parents=True)
            (folder / "token").write_text(token.strip())
            authority = Path(self._control_plane.kubeconfig).parent.parent / "pki" / "ca.crt"
            (folder / "ca.crt").write_bytes(authority.read_bytes())
        return folder

    def _files(self, pod: dict[str, Any]) -> Path:
        folder = self._folder / f"files-{pod['metadata']['name']}"
        folder.mkdir(parents=True, exist_ok=True)
        volume = next((each for each in pod["spec"].get("volumes", ()) if each["name"] == "oauth"), None)
        for source in volume["projected"]["sources"] if volume else ():
            if "serviceAccountToken" in source:
                account = pod["spec"]["serviceAccountName"]
                audience = source["serviceAccountToken"]["audience"]
                options = ("-n", self._kubectl.namespace, f"--audience={audience}")
                token = self._kubectl.run("create", "token", account, *options)
                (folder / source["serviceAccountToken"]["path"]).write_text(token)
                continue
            data = self._kubectl.get("secret", source["secret"]["name"])["data"]
            for item in source["secret"]["items"]:
                (folder / item["path"]).write_bytes(base64.b64decode(data[item["key"]]))
        return folder


def _expanded(word: str, values: dict[str, str]) -> str:
    """As the kubelet expands $(NAME) and $$."""
    marker = "\0"
    word = word.replace("$$", marker)
    for name, value in values.items():
        word = word.replace(f"$({name})", value)
    return word.replace(marker, "$")
